"""What operators put on hold: an account, a tenant, or everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Pause:
    """What is on hold `since` when: `tenant/name` is an account, `tenant/` a tenant, `*` everything."""

    scope: str
    since: float

    def holds(self, account: str) -> bool:
        """Whether the account with this id is in the scope."""
        return covers(self.scope, account)


def covers(scope: str, other: str) -> bool:
    """Whether everything in the scope `other` is in `scope`, too."""
    return scope in {EVERYTHING, other} or (scope.endswith("/") and other.startswith(scope))


class Pauses(Protocol):
    """Accounts on hold are not visited, whatever their schedule; mail that is on its way is delivered."""

    async def pause(self, scope: str, now: float) -> Sequence[str]:
        """Put a scope on hold, with the accounts that are added to it later; returns those held only since
        now.
        """
        ...

    async def resume(self, scope: str, now: float) -> Sequence[str]:
        """Take back the pauses of a scope and of everything in it; returns the accounts that go on, which
        are due at once.

        What a wider pause holds stays on hold.
        """
        ...

    async def pauses(self) -> Sequence[Pause]:
        """All that is on hold, by scope."""
        ...

    async def paused_among(self, accounts: Sequence[str]) -> Sequence[str]:
        """Those of `accounts` that are on hold."""
        ...
