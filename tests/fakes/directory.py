"""A directory with the results that a test gives, which notes the addresses looked up."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from shared.model.account import Account
from shared.model.target import Target
from shared.ports.directory import Existence, LookupResult


class FakeDirectory:
    """Returns `existences` for the addresses in it, and `UNDECIDED` for all others."""

    def __init__(self, existences: Mapping[str, Existence], *, cached: bool = False) -> None:
        self._existences = existences
        self._cached = cached
        self.asked: list[list[str]] = []

    def look_up_cached(self, addresses: Collection[str]) -> Mapping[str, LookupResult] | None:
        return self._results(addresses) if self._cached else None

    async def look_up(self, addresses: Collection[str]) -> Mapping[str, LookupResult]:
        self.asked.append([*addresses])
        return self._results(addresses)

    def _results(self, addresses: Collection[str]) -> dict[str, LookupResult]:
        return {
            each: LookupResult(self._existences.get(each, Existence.UNDECIDED), "the test said so")
            for each in addresses
        }


class FakeDirectories:
    """The same directory for every account."""

    def __init__(self, directory: FakeDirectory | None = None) -> None:
        self._directory = directory

    def directory_for(self, account: Account) -> FakeDirectory | None:
        return self._directory

    async def use_targets(self, targets: Mapping[str, Target]) -> None:
        return None

    async def close_idle(self) -> None:
        return None

    async def close(self) -> None:
        return None
