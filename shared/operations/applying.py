"""A file's tenants, targets and accounts are applied to the registry.

What is in the file is added or changed. What an earlier file had and this one has not is disabled, so that
its mail in custody is finished, and with `prune` removed. Nothing is written where the file and the registry
say the same. Objects that the command or the API manages are left alone: a file that names one is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import NamedTuple, TypeVar

from shared.adapters.sql import open_store, upgrade
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.config.specs import WrittenSpec, written_specs
from shared.model.errors import ConfigurationError
from shared.model.spec import Kind, Manager, Spec
from shared.operations.objects.changes import spec_change
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import RegistryStore, SpecChange, SpecFilter
from shared.runtime.secret_box import open_secret_box

Item = TypeVar("Item")

AT_ONCE = 500
"""Objects of one transaction. It holds the registry's lock, so leases of changed accounts wait for it."""


async def apply_file(
    configuration: Configuration, *, prune: bool = False, dry_run: bool = False
) -> Sequence[Applied]:
    """Apply a configuration to the registry of its database; SQLite is brought up to date first.

    Raises what `Applier.apply` does, `KeysUnusable` and `SchemaOutdated`.
    """
    url = configuration.store.url.get_secret_value()
    if configuration.store.sqlite_path is not None:
        upgrade(url)
    store = open_store(url, deadline=configuration.store.deadline)
    try:
        await store.check()
        box = await open_secret_box(configuration, store.secrets)
        applier = Applier(store.registry, box, SystemClock())
        return await applier.apply(configuration, prune=prune, dry_run=dry_run)
    finally:
        await store.close()


class Action(StrEnum):
    """What applying does with an object."""

    ADDED = "added"
    CHANGED = "changed"
    DISABLED = "disabled"
    REMOVED = "removed"


class Applied(NamedTuple):
    """An object that is not as it was. `keys` are those that differ."""

    action: Action
    kind: Kind
    id: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applier:
    """Applies configurations to a registry."""

    registry: RegistryStore
    box: SecretBox
    clock: Clock

    async def apply(
        self, configuration: Configuration, *, prune: bool = False, dry_run: bool = False
    ) -> Sequence[Applied]:
        """Apply a valid configuration; return what was changed, or with `dry_run` would be.

        Raises `ConfigurationError` where objects are managed in another way or a tenant has too many
        accounts, `RevisionConflict` where somebody else changes them meanwhile, and what the store raises.
        """
        origin = configuration.document.origin
        written = {(each.kind, each.id): each for each in written_specs(configuration)}
        applied: list[Applied] = []
        problems = _too_many_accounts(configuration)
        pending: list[SpecChange] = []
        for some in _portions(iter(written.values())):
            known = await self._known(some)
            for each in some:
                there = known.get((each.kind, each.id))
                if there is not None and there.managed_by is not Manager.FILE:
                    problems.append(_managed_elsewhere(origin, there))
                elif change := spec_change(each, there, Manager.FILE, origin, self.box):
                    applied.append(_applied(change, each, there))
                    pending.append(change)
        if problems:
            raise ConfigurationError(problems)
        if not dry_run:
            for some_changes in _portions(iter(pending)):
                await self.registry.save_specs(some_changes, self.clock.now())
        for kind in Kind:
            names = {name for each, name in written if each is kind}
            applied += await self._leave(kind, names, origin, prune=prune, dry_run=dry_run)
        return applied

    async def _known(self, some: Sequence[WrittenSpec]) -> Mapping[tuple[Kind, str], Spec]:
        found: dict[tuple[Kind, str], Spec] = {}
        for kind in {each.kind for each in some}:
            names = [each.id for each in some if each.kind is kind]
            found |= {
                (kind, each.id): each
                for each in await self.registry.specs(kind, names)
                if each.removed_at is None
            }
        return found

    async def _leave(
        self, kind: Kind, names: set[str], origin: str, *, prune: bool, dry_run: bool
    ) -> list[Applied]:
        """Disable or remove what the file does not have any more."""
        left: list[Spec] = []
        after = ""
        only = SpecFilter(origin=origin)
        while page := await self.registry.list_specs(kind, after, AT_ONCE, only):
            after = page[-1].id
            left += [each for each in page if each.id not in names and each.managed_by is Manager.FILE]
        if prune:
            if left and not dry_run:
                expected = {each.id: each.revision for each in left}
                await self.registry.remove_specs(kind, expected, self.clock.now())
            return [Applied(Action.REMOVED, kind, each.id) for each in left]
        if kind is not Kind.ACCOUNT:
            return []
        running = [each for each in left if each.enabled]
        if running and not dry_run:
            await self.registry.save_specs([_disabled(each) for each in running], self.clock.now())
        return [Applied(Action.DISABLED, kind, each.id) for each in running]


def _applied(change: SpecChange, each: WrittenSpec, there: Spec | None) -> Applied:
    if there is None:
        return Applied(Action.ADDED, change.kind, change.id)
    differing = {key for key in {*each.keys, *there.keys} if each.keys.get(key) != there.keys.get(key)}
    return Applied(Action.CHANGED, change.kind, change.id, tuple(sorted({*differing, *change.secrets})))


def _disabled(spec: Spec) -> SpecChange:
    return SpecChange(
        spec.kind,
        spec.id,
        spec.tenant,
        spec.keys,
        False,
        spec.managed_by,
        spec.origin,
        spec.revision,
        spec.target,
    )


def _managed_elsewhere(origin: str, spec: Spec) -> str:
    by = {Manager.API: "the API", Manager.COMMAND: "the command line"}[spec.managed_by]
    return (
        f'{origin}: {spec.kind} "{spec.id}" is managed by {by}; take it out of the file, or remove it there '
        "first"
    )


def _too_many_accounts(configuration: Configuration) -> list[str]:
    counts = Counter(account.tenant for account in configuration.accounts.values())
    return [
        f'{configuration.document.origin}: tenant "{tenant}" has {counts[tenant]} accounts and may have '
        f"{limits.max_accounts} (max_accounts)"
        for tenant, limits in configuration.tenants.items()
        if limits.max_accounts is not None and counts[tenant] > limits.max_accounts
    ]


def _portions(items: Iterator[Item]) -> Iterator[list[Item]]:
    while some := list(islice(items, AT_ONCE)):
        yield some
