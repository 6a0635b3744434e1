"""Objects of the registry are listed, shown, added, changed and removed.

An object that a file manages is refused. Of two changes to what both have seen, the later one is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from shared.config.object_keys import (
    InvalidObject,
    KeyProblem,
    Surroundings,
    absolute,
    checked,
    merged,
    object_id,
    references,
    target_ids,
    with_defaults,
)
from shared.config.settings import DEFAULTS
from shared.config.specs import URL_KEYS, WrittenSpec, tenant_limits_of
from shared.model.spec import Kind, Manager, Spec
from shared.operations.context import OperatorContext
from shared.operations.objects.changes import opened, spec_change
from shared.operations.objects.errors import AccountsExhausted, AlreadyThere, InUse, ManagedByFile, NotThere
from shared.operations.objects.showing import (
    MOST_IN_PAGE,
    Page,
    Shown,
    quick_problem,
    shown,
    thorough_problem,
)
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import (
    RegistryStore,
    RevisionConflict,
    SecretStore,
    SpecChange,
    SpecFilter,
)

ALL = SpecFilter()
RENAMED = (
    '"{}" cannot be changed: with another id it would be a new account, which fetches all mail that is still '
    "at its source. Add a new one, and remove this one"
)
OTHER_SERVER = (
    '"{}": this is another server than before, and the password is kept; give it again, so that it is sent '
    "nowhere by mistake"
)


class Actor(NamedTuple):
    """Who changes objects: `origin` names the user of the machine, or of the API."""

    manager: Manager
    origin: str


@dataclass(frozen=True, slots=True)
class Objects:
    """The operations. `defaults` are those that new accounts inherit; relative paths in them start at
    `base`.
    """

    registry: RegistryStore
    secrets: SecretStore
    box: SecretBox
    clock: Clock
    surroundings: Surroundings
    defaults: Mapping[str, Any] = field(default_factory=dict)
    base: Path = Path("/")

    async def list(self, kind: Kind, only: SpecFilter = ALL, *, after: str = "", limit: int = 100) -> Page:
        """Return up to `limit` objects whose id comes after `after`, by id."""
        limit = max(1, min(limit, MOST_IN_PAGE))
        found = await self.registry.list_specs(kind, after, limit + 1, only)
        page = found[:limit]
        set_at = await self.secrets.secrets_set_at(kind.value, [each.id for each in page])
        objects = [shown(each, set_at, quick_problem(each)) for each in page]
        return Page(objects, page[-1].id if len(found) > limit else None)

    async def show(self, kind: Kind, name: str) -> Shown:
        """Return an object, with every problem that it has. Raises `NotThere`."""
        return await self._shown(await self._there(kind, name))

    async def add(self, kind: Kind, keys: Mapping[str, Any], actor: Actor) -> Shown:
        """Add an object; `keys` may have its secrets in clear. An account inherits the defaults.

        Raises `InvalidObject`, `AlreadyThere`, `ManagedByFile`, `AccountsExhausted` and `RevisionConflict`.
        """
        given = {key: value for key, value in keys.items() if value is not None}
        _check_references(kind, object_id(kind, given), given, actor)
        full = absolute(given, self.base)
        if kind is Kind.ACCOUNT:
            inherited = absolute(self.defaults, self.base)
            full = with_defaults(full, inherited, trusted=actor.manager is not Manager.API)
        written = await self._checked(kind, full)
        there = await self._known(kind, written.id)
        if there is not None:
            raise _managed_by_file(there) if _is_of_file(there) else AlreadyThere(kind, written.id)
        if kind is Kind.ACCOUNT:
            await self._check_room(written.tenant)
        change = spec_change(written, None, actor.manager, actor.origin, self.box)
        assert change is not None, "nothing was there"
        await self._save(change)
        return await self.show(kind, written.id)

    async def change(
        self,
        kind: Kind,
        name: str,
        keys: Mapping[str, Any],
        actor: Actor,
        *,
        expected: int | None = None,
    ) -> Shown:
        """Change the named keys of an object. None removes one; a secret that is not named stays.

        `expected` is the revision that the change was made for. Raises `NotThere`, `ManagedByFile`,
        `InvalidObject` and `RevisionConflict`.
        """
        there = await self._there(kind, name)
        _check_changeable(there, expected)
        _check_references(kind, name, keys, actor)
        before = {**there.keys, **opened(there, self.box, keys)}
        full = merged(kind, before, absolute(keys, self.base))
        written = await self._checked(kind, full, renamed=name)
        if actor.manager is Manager.API:
            await self._check_server(there, before, written, keys)
        change = spec_change(written, there, there.managed_by, there.origin, self.box)
        if change is not None:
            await self._save(change)
        return await self.show(kind, name)

    async def enable(self, name: str, actor: Actor, *, expected: int | None = None) -> Shown:
        """Have an account visited and its mail delivered again. Raises what `change` does."""
        return await self.change(Kind.ACCOUNT, name, {"enabled": None}, actor, expected=expected)

    async def disable(self, name: str, actor: Actor, *, expected: int | None = None) -> Shown:
        """Have an account not visited, and its mail in custody kept, until it is enabled again.

        Raises what `change` does.
        """
        return await self.change(Kind.ACCOUNT, name, {"enabled": False}, actor, expected=expected)

    async def remove(
        self, kind: Kind, name: str, *, expected: int | None = None, force: bool = False
    ) -> None:
        """Remove an object. An account is not visited any more; its mail in custody is finished.

        A target or tenant that is needed is refused without `force`; with it, accounts of a target that is
        gone cannot be used, and say so, and those of a tenant have no limits any more. Raises `NotThere`,
        `ManagedByFile`, `InUse` and `RevisionConflict`.
        """
        there = await self._there(kind, name)
        _check_changeable(there, expected)
        if not force:
            await self._check_unused(kind, name)
        await self.registry.remove_specs(kind, {name: there.revision}, self.clock.now())

    async def _there(self, kind: Kind, name: str) -> Spec:
        there = await self._known(kind, name)
        if there is None:
            raise NotThere(kind, name)
        return there

    async def _known(self, kind: Kind, name: str) -> Spec | None:
        found = await self.registry.specs(kind, [name])
        return next((each for each in found if each.removed_at is None), None)

    async def _shown(self, spec: Spec) -> Shown:
        set_at = await self.secrets.secrets_set_at(spec.kind.value, [spec.id])
        around = self.surroundings
        return shown(spec, set_at, thorough_problem(spec, self.box, around.hosts, around.environ))

    async def _checked(self, kind: Kind, keys: Mapping[str, Any], renamed: str | None = None) -> WrittenSpec:
        """The spec of these keys; with `renamed`, the id that it has to have."""
        if renamed is not None and (name := object_id(kind, keys)) != renamed:
            key = "name" if name.rpartition("/")[2] != renamed.rpartition("/")[2] else "tenant"
            raise InvalidObject(kind, renamed, [KeyProblem(key, RENAMED.format(key))])
        targets = await self.registry.specs(Kind.TARGET, target_ids(keys)) if kind is Kind.ACCOUNT else ()
        usable = [each.keys for each in targets if each.removed_at is None]
        return checked(kind, keys, usable, self.surroundings)

    async def _check_room(self, tenant: str) -> None:
        """Raise `AccountsExhausted` where the tenant may not have another account."""
        limits = await self._known(Kind.TENANT, tenant)
        most = None if limits is None else tenant_limits_of(limits).max_accounts
        if most is not None:
            count = await self.registry.count_specs(Kind.ACCOUNT, SpecFilter(tenant=tenant))
            if count >= most:
                raise AccountsExhausted(tenant, most)

    async def _check_unused(self, kind: Kind, name: str) -> None:
        if kind is Kind.ACCOUNT:
            return
        only = SpecFilter(target=name) if kind is Kind.TARGET else SpecFilter(tenant=name)
        accounts = await self.registry.count_specs(Kind.ACCOUNT, only)
        targets = 0 if kind is Kind.TARGET else await self.registry.count_specs(Kind.TARGET, only)
        if accounts or targets:
            raise InUse(kind, name, accounts, targets)

    async def _check_server(
        self, there: Spec, before: Mapping[str, Any], written: WrittenSpec, given: Mapping[str, Any]
    ) -> None:
        """Raise `InvalidObject` where a kept secret would be sent to another server than before.

        Whoever may change an account through the API must not learn its password that way.
        """
        kept = [secret for secret in ("password", "token") if before.get(secret) and secret not in given]
        key = URL_KEYS.get(there.kind)
        if not kept or key is None or not written.secrets.get(kept[0]):
            return
        try:
            former = await self._checked(there.kind, before)
        except InvalidObject:
            former = None
        same = former is not None and former.host == written.host
        if not same and written.secrets[kept[0]] == SecretStr(before[kept[0]]):
            problem = KeyProblem(kept[0], OTHER_SERVER.format(key))
            raise InvalidObject(there.kind, there.id, [problem])

    async def _save(self, change: SpecChange) -> None:
        await self.registry.save_specs([change], self.clock.now())


def objects_of(context: OperatorContext) -> Objects:
    """Return the operations on the registry of an installation."""
    document = context.configuration.document
    return Objects(
        context.registry.store,
        context.secrets,
        context.registry.box,
        context.clock,
        Surroundings(context.registry.environ, context.configuration.hosts),
        document.data.get(DEFAULTS, {}),
        document.base,
    )


def _check_changeable(there: Spec, expected: int | None) -> None:
    if _is_of_file(there):
        raise _managed_by_file(there)
    if expected is not None and expected != there.revision:
        raise RevisionConflict([f"{there.kind.value} {there.id}"])


def _check_references(kind: Kind, name: str, keys: Mapping[str, Any], actor: Actor) -> None:
    if actor.manager is Manager.API and (found := [*references(kind, keys)]):
        raise InvalidObject(kind, name, found)


def _is_of_file(spec: Spec) -> bool:
    return spec.managed_by is Manager.FILE


def _managed_by_file(spec: Spec) -> ManagedByFile:
    return ManagedByFile(spec.kind, spec.id, spec.origin)
