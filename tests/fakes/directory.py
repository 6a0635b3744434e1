"""A directory that knows what the test says, and who was asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from shared.model.account import Account
from shared.model.target import Target
from shared.ports.directory import Existence, Finding


class FakeDirectory:
    """Says `standings` of those in it, and of all others that they are undecided."""

    def __init__(self, standings: Mapping[str, Existence], *, at_hand: bool = False) -> None:
        self._standings = standings
        self._at_hand = at_hand
        self.asked: list[list[str]] = []

    def at_hand(self, addresses: Collection[str]) -> Mapping[str, Finding] | None:
        return self._findings(addresses) if self._at_hand else None

    async def look_up(self, addresses: Collection[str]) -> Mapping[str, Finding]:
        self.asked.append([*addresses])
        return self._findings(addresses)

    def _findings(self, addresses: Collection[str]) -> dict[str, Finding]:
        return {
            each: Finding(self._standings.get(each, Existence.UNDECIDED), "the test said so")
            for each in addresses
        }


class FakeDirectories:
    """The same directory for every account."""

    def __init__(self, directory: FakeDirectory | None = None) -> None:
        self._directory = directory

    def of(self, account: Account) -> FakeDirectory | None:
        return self._directory

    async def change(self, targets: Mapping[str, Target]) -> None:
        return None

    async def tidy(self) -> None:
        return None

    async def close(self) -> None:
        return None
