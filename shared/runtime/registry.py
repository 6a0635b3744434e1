"""The accounts and targets that a process works with: read from the registry when they are needed.

A process keeps a bounded number of them. What others change is found out within a second, and before that by
whatever comes from a process that knows more: a lease or an event has the registry's revision. So a change is
in force from the next visit or attempt on, and nothing grows with the number of accounts.

An object that cannot be used, as its target is gone or its secret cannot be opened, has a sentence in its
place and harms no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from typing_extensions import override

from shared.config.specs import account_of, target_of, tenant_limits_of
from shared.model.account import Account
from shared.model.errors import ConfigurationError, MailferryError
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.sealed import SecretName
from shared.model.spec import Kind, Spec
from shared.model.target import Target
from shared.model.tenant import NO_TENANT_LIMITS, TenantLimits
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import Changes, Extent, RegistryStore

CAPACITY = 8192
"""Objects of a kind that are kept. An account takes some 6 KiB, so that is 50 MiB; a batch needs 1,000."""
LOOK_EVERY = 1.0
"""Seconds between two looks for changes, which cost one small query each."""
MOST_CHANGES = 1000
"""Changes that are dropped one by one; with more of them everything that is kept is read again."""
LOOK_AT_PROBLEMS_EVERY = 30.0
"""Seconds until an object that could not be used is read again: its password file or its key may be back, and
no revision tells of that."""

Object = TypeVar("Object", Account, Target, TenantLimits)
Notify = Callable[[], Awaitable[None]]

log = structlog.get_logger("mailferry.process")


class Kept(Mapping[str, Object], Generic[Object]):
    """The objects of one kind that are kept, those used last at the end.

    A changed object stays as it was until it is read again, so that nobody who has it at hand loses it.
    """

    def __init__(self) -> None:
        self._objects: dict[str, Object | str | None] = {}
        self._changed: set[str] = set()
        self._usable = 0

    @override
    def __getitem__(self, name: str) -> Object:
        found = self._objects.get(name)
        if found is None or isinstance(found, str):
            raise KeyError(name)
        return found

    @override
    def __iter__(self) -> Iterator[str]:
        return (name for name, found in self._objects.items() if _is_usable(found))

    @override
    def __len__(self) -> int:
        return self._usable

    def problem(self, name: str) -> str | None:
        """Return why an object cannot be used, as a sentence; None where it can, or is not there."""
        found = self._objects.get(name)
        return found if isinstance(found, str) else None

    def missing(self, names: Collection[str]) -> list[str]:
        """Return those of `names` that are to be read. The others count as used now."""
        objects, missing = self._objects, []
        for name in dict.fromkeys(names):
            if name in objects:
                objects[name] = objects.pop(name)
            if name not in objects or name in self._changed:
                missing.append(name)
        return missing

    def put(self, name: str, found: Object | str | None) -> None:
        """Keep an object, the sentence about it, or that it is not there; forget the one used longest ago."""
        self._drop(name)
        self._objects[name] = found
        self._usable += _is_usable(found)
        while len(self._objects) > CAPACITY:
            self._drop(next(iter(self._objects)))

    def note_changed(self, names: Collection[str] | None) -> None:
        """Have these objects read again when they are needed next; all of them with None."""
        self._changed.update(self._objects if names is None else self._objects.keys() & set(names))

    def note_problems(self) -> None:
        """Have the objects read again that cannot be used."""
        self._changed.update(name for name, found in self._objects.items() if isinstance(found, str))

    def _drop(self, name: str) -> None:
        self._changed.discard(name)
        self._usable -= _is_usable(self._objects.pop(name, None))


def _is_usable(found: object) -> bool:
    """Whether it is neither a sentence nor nothing."""
    return found is not None and not isinstance(found, str)


@dataclass(slots=True)
class Registry:
    """The registry as a process sees it. `hosts` may be replaced; `environ` has the variables that secrets
    may be in.
    """

    store: RegistryStore
    box: SecretBox
    clock: Clock
    environ: Mapping[str, str]
    hosts: HostLimits = NO_LIMITS
    accounts: Kept[Account] = field(default_factory=Kept)
    targets: Kept[Target] = field(default_factory=Kept)
    tenants: Kept[TenantLimits] = field(default_factory=Kept)
    extent: Extent = Extent()
    _revision: int = 0
    _times_noted: int = 0
    _listeners: list[Notify] = field(default_factory=list)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def revision(self) -> int:
        """The revision up to which changes are known."""
        return self._revision

    def notify(self, listener: Notify) -> None:
        """Have `listener` called after each change that others made."""
        self._listeners.append(listener)

    def limits_of(self, tenant: str) -> TenantLimits:
        """Return the limits of a tenant whose account was loaded."""
        return self.tenants.get(tenant, NO_TENANT_LIMITS)

    async def load(
        self, accounts: Collection[str], targets: Collection[str] = (), *, revision: int = 0
    ) -> None:
        """Have these objects at hand, with the accounts' targets and tenants, as of `revision` at least.

        Raises `StoreUnavailable`.
        """
        if revision > self._revision:
            await self.refresh()
        await self._load(accounts, targets)

    async def _load(self, accounts: Collection[str], targets: Collection[str]) -> None:
        if missing := self.accounts.missing(accounts):
            await self._read(Kind.ACCOUNT, missing)
        known = [self.accounts[name] for name in dict.fromkeys(accounts) if name in self.accounts]
        if missing := self.targets.missing([*targets, *(each.target for each in known)]):
            await self._read(Kind.TARGET, missing)
        if missing := self.tenants.missing([each.tenant for each in known]):
            await self._read(Kind.TENANT, missing)

    async def refresh(self) -> None:
        """Forget what was changed since the last look, and tell the listeners. Raises `StoreUnavailable`."""
        async with self._lock:
            changes = await self.store.changes_since(self._revision, MOST_CHANGES)
            if changes.revision == self._revision:
                return
            self.extent = await self.store.registry_extent()
            if changes.revision < self._revision:
                # The database was restored: what was read since that backup is not in force any more.
                changes = Changes(changes.revision, None)
            self._note_changes(changes)
            self._revision = changes.revision
        for listener in self._listeners:
            await listener()

    async def run(self) -> None:
        """Look for changes now and then, until cancelled. While the database is away, nothing changes."""
        problems_at = self.clock.monotonic() + LOOK_AT_PROBLEMS_EVERY
        while True:
            await self.clock.sleep(LOOK_EVERY)
            if self.clock.monotonic() >= problems_at:
                problems_at = self.clock.monotonic() + LOOK_AT_PROBLEMS_EVERY
                for kept in (self.accounts, self.targets, self.tenants):
                    kept.note_problems()
            try:
                await self.refresh()
            except MailferryError as error:
                log.debug("registry not read", error=error)
            except Exception:
                # Without this task no change would be seen until the process is started again.
                log.exception("registry not read, over a mistake in Mailferry")

    def read_again(self) -> None:
        """Read everything again from now on: limits of hosts, keys for secrets, or password files may have
        changed.
        """
        self._note_changes(Changes(self._revision, None))

    def _note_changes(self, changes: Changes) -> None:
        self._times_noted += 1
        kinds = (Kind.ACCOUNT, self.accounts), (Kind.TARGET, self.targets), (Kind.TENANT, self.tenants)
        for kind, kept in kinds:
            changed = changes.objects
            kept.note_changed(None if changed is None else [name for each, name in changed if each is kind])
        if changes.objects is None or any(kind is Kind.TARGET for kind, _ in changes.objects):
            # An account may become invalid, or valid again, with its target.
            self.accounts.note_changed(None)

    async def _read(self, kind: Kind, names: Collection[str]) -> None:
        """Read objects and keep them. What was changed meanwhile is read again."""
        while True:
            before = self._times_noted
            found = {each.id: each for each in await self.store.specs(kind, [*names])}
            if before == self._times_noted:
                break
        for name in names:
            self._keep(kind, name, found.get(name))

    def _keep(self, kind: Kind, name: str, spec: Spec | None) -> None:
        """Keep what was read. What was removed goes on for the mail in custody, until it is forgotten."""
        if kind is Kind.ACCOUNT:
            self._put(self.accounts, name, spec, self._account)
        elif kind is Kind.TARGET:
            self._put(self.targets, name, spec, self._target)
        else:
            self._put(self.tenants, name, spec, tenant_limits_of)

    def _put(self, kept: Kept[Object], name: str, spec: Spec | None, build: Callable[[Spec], Object]) -> None:
        before = kept.problem(name)
        kept.put(name, None if spec is None else self._built(spec, build))
        if spec is not None and (problem := kept.problem(name)) not in (None, before):
            log.error("object cannot be used", kind=spec.kind.value, name=spec.id, problem=problem)

    def _built(self, spec: Spec, build: Callable[[Spec], Object]) -> Object | str:
        """The object of a spec, or a sentence about why it cannot be used."""
        try:
            return build(spec)
        except ConfigurationError as error:
            return " · ".join(error.problems)
        except MailferryError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - one object must not stop the others
            # The error's text may hold a secret, so only its type is told.
            return f"{spec.kind.value} {spec.id}: internal error {type(error).__name__} while it was built"

    def _account(self, spec: Spec) -> Account:
        return account_of(spec, self._secrets(spec), self.hosts, self.environ)

    def _target(self, spec: Spec) -> Target:
        return target_of(spec, self._secrets(spec), self.environ)

    def _secrets(self, spec: Spec) -> Mapping[str, str]:
        return {
            field: self.box.open(SecretName(spec.kind.value, spec.id, field), sealed).get_secret_value()
            for field, sealed in spec.secrets.items()
        }
