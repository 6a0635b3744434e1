"""What is asked of the store about events: what is not as it should be, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from shared.ports.store.webhooks import Delivery


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that happened at `at` (seconds since the epoch).

    `subject` is the account, target, tenant or app that it happened to. `tenant` is None for what belongs to
    no tenant, `account` for what is not an account's alone. `sentence` says more, or nothing. `number` is 0
    until it is stored; later events have higher ones.
    """

    at: float
    event: str
    subject: str
    tenant: str | None = None
    account: str | None = None
    sentence: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class ConditionChange:
    """A condition begins (`since` is when), or ends (`since` is None).

    `known` is what the change was decided from: since when the condition was there, or None. `event` is what
    people are told of it, if they are, and `deliveries` tell webhooks.
    """

    name: str
    known: float | None
    since: float | None
    event: EventRecord | None = None
    deliveries: Sequence[Delivery] = ()


class FailingAccount(NamedTuple):
    """An account whose visits fail, and why. `is_visited`: neither paused nor disabled."""

    account: str
    problem: str | None
    is_visited: bool


class ParkedMail(NamedTuple):
    """How many recipients of an account were parked in a time."""

    account: str
    number: int


class WaitingGrant(NamedTuple):
    """A grant that waits for its owner or an administrator, by its id, and why."""

    grant: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Events after the one with the number `after`: of a tenant, and of some accounts; None means all."""

    after: int = 0
    tenant: str | None = None
    accounts: frozenset[str] | None = None


class EventStore(Protocol):
    """What is not as it should be, and what happened."""

    async def conditions(self) -> Mapping[str, float]:
        """Return since when each condition is there, by its name."""
        ...

    async def record_changes(self, changes: Sequence[ConditionChange]) -> int:
        """Write the changes whose condition is still as it was `known`, each with its event and deliveries.

        Return how many these were. Events get their numbers in the order in which they can be read.
        """
        ...

    async def events_after(self, query: EventQuery, limit: int) -> Sequence[EventRecord]:
        """Return up to `limit` events, the oldest first."""
        ...

    async def latest_events(self, query: EventQuery, limit: int) -> Sequence[EventRecord]:
        """Return up to `limit` events, the newest first."""
        ...

    async def newest_event(self) -> int:
        """Return the number of the newest event, or 0."""
        ...

    async def prune_events(self, before: float) -> None:
        """Delete events from before then. No number is given twice."""
        ...

    async def failing_accounts(self) -> Sequence[FailingAccount]:
        """Return the accounts whose last visits failed, without those that were removed."""
        ...

    async def waiting_grants(self) -> Sequence[WaitingGrant]:
        """Return the grants that wait for a person."""
        ...

    async def parked_since(self, since: float) -> Sequence[ParkedMail]:
        """Return the accounts of which recipients were parked since then."""
        ...
