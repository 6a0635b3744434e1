"""The port `RegistryStore` in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.adapters.sql.calls import MAINTENANCE, allowing
from shared.adapters.sql.registry.reading import (
    changes_since,
    count_specs,
    list_specs,
    registry_extent,
    registry_revision,
    specs_of,
)
from shared.adapters.sql.registry.removal import any_removed, forget_removed
from shared.adapters.sql.registry.saving import remove_specs, save_specs
from shared.adapters.sql.runner import TransactionRunner
from shared.model.spec import Kind, Spec
from shared.ports.store import Changes, Extent, SpecChange, SpecFilter

EVERYTHING = SpecFilter()


class SqlRegistryStore:
    """Tenants, targets and accounts, see `RegistryStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def registry_revision(self) -> int:
        """Return the revision of the latest change; 0 where there was none."""
        return await self._runner.read(registry_revision)

    async def registry_extent(self) -> Extent:
        """Return how many accounts are enabled, and whether they belong to several tenants."""
        return await self._runner.read(registry_extent)

    async def changes_since(self, revision: int, limit: int) -> Changes:
        """Return which objects were changed after `revision`, if no more than `limit`."""
        return await self._runner.read(changes_since, revision, limit)

    async def specs(self, kind: Kind, ids: Sequence[str]) -> Sequence[Spec]:
        """Return these objects with their sealed secrets, also those that were removed."""
        return await self._runner.read(specs_of, kind, ids)

    async def list_specs(
        self, kind: Kind, after: str, limit: int, only: SpecFilter = EVERYTHING
    ) -> Sequence[Spec]:
        """Return up to `limit` objects whose id comes after `after`, by id, with their sealed secrets."""
        return await self._runner.read(list_specs, kind, after, limit, only)

    async def count_specs(self, kind: Kind, only: SpecFilter = EVERYTHING) -> int:
        """Return how many objects there are."""
        return await self._runner.read(count_specs, kind, only)

    async def save_specs(self, changes: Sequence[SpecChange], now: float) -> int:
        """Write these objects, and the schedules and secrets of accounts; return the new revision."""
        with allowing(MAINTENANCE):
            return await self._runner.write(save_specs, changes, now)

    async def remove_specs(self, kind: Kind, expected: Mapping[str, int], now: float) -> int:
        """Remove these objects; return the new revision."""
        with allowing(MAINTENANCE):
            return await self._runner.write(remove_specs, kind, dict(expected), now)

    async def forget_removed(self, limit: int, now: float) -> Sequence[str]:
        """Delete up to `limit` removed objects of which nothing is in custody, with their secrets."""
        if not await self._runner.read(any_removed):
            return []
        with allowing(MAINTENANCE):
            return await self._runner.write(forget_removed, limit, now)
