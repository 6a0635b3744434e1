"""A file's tenants, targets and accounts are applied to the registry.

What is in the file is added or changed. What an earlier file had and this one has not is disabled, so that
its mail in custody is finished, and with `prune` removed. Nothing is written where the file and the registry
say the same. Objects that the command or the API manages are left alone: a file that names one is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import structlog

from shared.adapters.sql import open_store, upgrade
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.config.specs import WrittenSpec, tenant_limits_of, written_specs
from shared.model.errors import ConfigurationError
from shared.model.progress import Progress, no_progress
from shared.model.spec import Kind, Manager, Spec
from shared.operations.objects.changes import spec_change
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import RegistryStore, RevisionConflict, SpecChange, SpecFilter
from shared.runtime.secret_box import open_secret_box

Item = TypeVar("Item")

AT_ONCE = 500
"""Objects of one transaction. It holds the registry's lock, so leases of changed accounts wait for it."""
TRIES = 5
"""How often a file is compared with the registry, where others change the same objects meanwhile."""

log = structlog.get_logger("mailferry.process")


async def apply_file(
    configuration: Configuration,
    *,
    prune: bool = False,
    dry_run: bool = False,
    progress: Progress = no_progress,
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
        applier = Applier(store.registry, box, SystemClock(), progress)
        return await applier.apply(configuration, prune=prune, dry_run=dry_run)
    finally:
        await store.close()


COMPARED, SAVED = "Objects compared", "Objects saved"


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
    progress: Progress = no_progress

    async def apply(
        self, configuration: Configuration, *, prune: bool = False, dry_run: bool = False
    ) -> Sequence[Applied]:
        """Apply a valid configuration; return what was changed, or with `dry_run` would be.

        Raises `ConfigurationError` where objects are managed in another way or a tenant has too many
        accounts, `RevisionConflict` where somebody else changes them meanwhile, and what the store raises.
        """
        for _ in range(TRIES - 1):
            try:
                return await self._apply_once(configuration, prune=prune, dry_run=dry_run)
            except RevisionConflict as conflict:
                # Another process applies a file just now. What it wrote is compared with this file anew.
                log.info("applied once more", error=conflict)
        return await self._apply_once(configuration, prune=prune, dry_run=dry_run)

    async def _apply_once(
        self, configuration: Configuration, *, prune: bool, dry_run: bool
    ) -> Sequence[Applied]:
        origin = _origin(configuration)
        written = {(each.kind, each.id): each for each in written_specs(configuration)}
        applied: list[Applied] = []
        pending: list[SpecChange] = []
        problems: list[str] = []
        moved: Counter[str] = Counter()
        compared = 0
        for some in _portions(iter(written.values())):
            compared += len(some)
            self.progress(COMPARED, compared, len(written))
            known = await self._known(some)
            for each in some:
                there = known.get((each.kind, each.id))
                if there is not None and each.kind is Kind.ACCOUNT and there.origin != origin:
                    moved[each.tenant] += 1
                if there is not None and there.managed_by is not Manager.FILE:
                    problems.append(_managed_elsewhere(origin, there))
                elif change := spec_change(each, there, Manager.FILE, origin, self.box):
                    applied.append(_applied(change, each, there))
                    pending.append(change)
        problems += await self._too_many_accounts(configuration, written.values(), moved)
        if problems:
            raise ConfigurationError(problems)
        if not dry_run:
            saved = 0
            for some_changes in _portions(iter(pending)):
                await self.registry.save_specs(some_changes, self.clock.now())
                saved += len(some_changes)
                self.progress(SAVED, saved, len(pending))
        for kind in reversed(Kind):  # accounts first: at no moment is one without its target
            names = {name for each, name in written if each is kind}
            applied += await self._leave(kind, names, origin, prune=prune, dry_run=dry_run)
        return applied

    async def _too_many_accounts(
        self, configuration: Configuration, written: Iterable[WrittenSpec], moved: Mapping[str, int]
    ) -> list[str]:
        """Sentences about tenants with more accounts than they may have, those of the registry included.

        `moved`: accounts of the file that the registry has from elsewhere, by tenant. Those that the file
        had and has not any more are left out.
        """
        origin = _origin(configuration)
        counts = Counter(each.tenant for each in written if each.kind is Kind.ACCOUNT)
        sentences = []
        for tenant, most in (await self._limits(configuration, [*counts])).items():
            there = await self.registry.count_specs(Kind.ACCOUNT, SpecFilter(tenant=tenant))
            own = await self.registry.count_specs(Kind.ACCOUNT, SpecFilter(tenant=tenant, origin=origin))
            others = there - own - moved.get(tenant, 0)
            if counts[tenant] + others > most:
                elsewhere = f", {others} of them not of this file," if others else ""
                sentences.append(
                    f'{origin}: tenant "{tenant}" has {counts[tenant] + others} accounts{elsewhere} and may '
                    f"have {most} (max_accounts)"
                )
        return sentences

    async def _limits(self, configuration: Configuration, tenants: Sequence[str]) -> Mapping[str, int]:
        """How many accounts these tenants may have: by the file, or else by the registry."""
        limits = {
            spec.id: tenant_limits_of(spec).max_accounts
            for some in _portions(iter(tenants))
            for spec in await self.registry.specs(Kind.TENANT, some)
            if spec.removed_at is None
        }
        limits |= {name: each.max_accounts for name, each in configuration.tenants.items()}
        return {name: most for name in tenants if (most := limits.get(name)) is not None}

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
            for some in () if dry_run else _portions(iter(left)):
                expected = {each.id: each.revision for each in some}
                await self.registry.remove_specs(kind, expected, self.clock.now())
            return [Applied(Action.REMOVED, kind, each.id) for each in left]
        if kind is not Kind.ACCOUNT:
            return []
        running = [each for each in left if each.enabled]
        for some in () if dry_run else _portions(iter(running)):
            await self.registry.save_specs([_disabled(each) for each in some], self.clock.now())
        return [Applied(Action.DISABLED, kind, each.id) for each in running]


def _origin(configuration: Configuration) -> str:
    """Return the file's absolute path: others read the registry from other directories."""
    document = configuration.document
    return (
        document.origin if document.text is None else str(document.absolute_path(Path(document.origin).name))
    )


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


def _portions(items: Iterator[Item]) -> Iterator[list[Item]]:
    while some := list(islice(items, AT_ONCE)):
        yield some
