"""What router and relay record: recipients and claims, attempts and outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, Protocol

from shared.custody.commands import Attempt, Outcomes, RoutedMail, Settled
from shared.custody.state import Message, Recipient


class Serving(NamedTuple):
    """The recipients of a message that a target is to be told of now."""

    message: str
    target: str
    reverse_path: str
    recipients: tuple[Recipient, ...]


class Early(NamedTuple):
    """Recipients of a message for whom it is too early: each says when his next attempt is due."""

    message: str
    recipients: tuple[Recipient, ...]


class Begun(NamedTuple):
    """What became of wishes to deliver: attempts that have begun, and what has to be wished again later."""

    servings: Sequence[Serving]
    early: Sequence[Early]


@dataclass(frozen=True, slots=True)
class Concluded:
    """What followed from a batch: messages now settled, and how many wishes were stale and changed
    nothing.
    """

    settled: tuple[Settled, ...]
    stale: int = 0


class Routings(Protocol):
    """What the router records."""

    async def record_routed(
        self, mails: Sequence[RoutedMail], now: float, lease: float, longest: float = inf
    ) -> tuple[Sequence[Serving], Sequence[Settled]]:
        """Record recipients and claims. Returns what is to be published: who is to be served, and what is
        settled already.

        Who was deferred before stays that where his next attempt is due within `longest` seconds; a time
        beyond was given by a clock that was wrong.

        A mail that was already recorded with this `fetch_no` is served again, as its event may never have
        gone out; a stale one appears in neither result.

        A mail with a `surplus`, all of whose recipients identical mails serve, gets that recipient as well
        where more copies came by its account than its header names recipients. Raises `RawMailNeeded` where
        one is to be parked for it without a blob.
        """
        ...


class Deliveries(Protocol):
    """What the relay records."""

    async def begin_attempts(self, wishes: Sequence[Attempt], now: float, lease: float) -> Begun:
        """Begin those attempts that are due and not stale; the attempt numbers of the recipients served are
        those of the attempts begun.
        """
        ...

    async def prolong_attempts(self, wishes: Sequence[Attempt], now: float, lease: float) -> None:
        """Attempts that are still being made, given with the numbers that they were begun with: their mail
        does not count as lost for another `lease` seconds.
        """
        ...

    async def end_attempts(self, wishes: Sequence[Outcomes], now: float, lease: float) -> Concluded:
        """Record outcomes, resolve claims and those who waited for them."""
        ...

    async def overdue(self, now: float, patience: float, limit: int) -> Sequence[Message]:
        """Messages held in blobs with recipients due whose event is not under way: retried by an operator at
        or before
        `now`, that attempt's end included if nobody saw it, or deferred and more than `patience` seconds
        overdue."""
        ...
