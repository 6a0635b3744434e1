"""The store: the truth about accounts, messages, recipients and claims, and the journal of how it came about.

Obligations of an adapter
- Each call is one transaction: all of it happens, journal entries included, or none. On return it is durable.
- Changes are made only as `shared.custody.decide` allows, on state that nobody else changes meanwhile.
- Conflicts with other processes (deadlock, serialisation, busy database) are retried inside; what remains is
  raised as `StoreUnavailable`. A call that raised may be made again.
- `now` is passed in (seconds since the epoch); the adapter has no clock of its own.
- Calls take batches and cost a bounded number of statements per batch, not per message.

Each service asks for the part that it needs; `Store` is all of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from shared.contract.journal import Entry
from shared.custody.commands import Attempt, Fence, FetchedMail, Outcomes, RoutedMail, Settled
from shared.custody.state import Message, Recipient
from shared.model.errors import Fault, MailferryError
from shared.model.message import LedgerKey, MessageStatus


class StoreUnavailable(MailferryError):
    """The database cannot be reached, or refuses for the time being."""

    fault = Fault.STORE


class SchemaOutdated(MailferryError):
    """The database's schema is not the one this Mailferry needs; `mailferry db upgrade` brings it up."""

    temporary = False
    fault = Fault.OPERATOR


class LeaseLost(MailferryError):
    """The account's lease has passed on to another process; nothing was written."""

    fault = Fault.OURS


@dataclass(frozen=True, slots=True)
class Schedule:
    """An account that is to be visited every `poll` seconds while `enabled`."""

    account: str
    poll: float
    enabled: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to visit an account until `until`; `failures` counts the visits that failed in a row."""

    fence: Fence
    until: float
    failures: int


@dataclass(frozen=True, slots=True)
class VisitReport:
    """How a visit ended: `problem` is None when all went well; counts are of this visit.

    A visit that `failed` is tried again at growing distance, one with only a problem was complete but for
    what it says. `waiting` mails were seen at the source and are not settled yet.
    """

    problem: str | None = None
    failed: bool = False
    fetched: int = 0
    deleted: int = 0
    waiting: int = 0
    temporary: bool = True


@dataclass(frozen=True, slots=True)
class AccountState:
    """What is known of an account; times are seconds since the epoch, None where it never happened."""

    account: str
    enabled: bool
    due_at: float
    leased_by: str | None
    lease_until: float | None
    failures: int
    problem: str | None
    visited_at: float | None
    succeeded_at: float | None
    waiting: int


class LedgerRow(NamedTuple):
    """What the ledger knows of a mail that was seen at the source."""

    message: str
    key: LedgerKey
    status: MessageStatus
    fetch_no: int
    listed_size: int
    octets: int
    first_fetched_at: float
    lease_until: float
    blob: str | None = None


class Receipt(NamedTuple):
    """A fetched mail was entered as `message`, for the `fetch_no`-th time."""

    message: str
    fetch_no: int


class Serving(NamedTuple):
    """The recipients of a message that a target is to be told of now."""

    message: str
    target: str
    reverse_path: str
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class Concluded:
    """What followed from a batch: messages now settled, and how many wishes were stale and changed
    nothing.
    """

    settled: tuple[Settled, ...]
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked recipient of a message."""

    message: Message
    recipient: Recipient
    parked_at: float


@dataclass(frozen=True, slots=True)
class TargetState:
    """How a target serves: `waiting` recipients are to be tried again, `unanswered` of them got no reply at
    all.

    `text` is the answer, or the reason there was none, of one that waits; `delivered` tells whether anything
    ever was.
    """

    target: str
    delivered: bool = False
    waiting: int = 0
    unanswered: int = 0
    parked: int = 0
    text: str = ""


class Leases(Protocol):
    """The accounts' schedule, and who visits them."""

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        """Make these the known accounts: new ones are due at once, those not named are disabled; others keep
        their state.
        """
        ...

    async def lease_due(self, owner: str, now: float, until: float, limit: int) -> Sequence[Lease]:
        """Lease up to `limit` enabled accounts that are due and not leased, the most overdue first.

        What was put off, or leased, for longer than is ever done was so by a clock that was ahead, and does
        not count.
        """
        ...

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float
    ) -> Sequence[Lease]:
        """Lease those of `accounts` that nobody holds, due or not."""
        ...

    async def renew(self, fences: Sequence[Fence], until: float) -> Sequence[Fence]:
        """Extend these leases; returns those that still held."""
        ...

    async def release(self, fence: Fence, report: VisitReport, now: float, due_at: float) -> None:
        """End a visit and its lease; the account is due again at `due_at`. A lease that passed on is left
        alone.

        Failures in a row are counted up by a visit that failed, and set to zero by any other.
        """
        ...

    async def end_leases(self) -> int:
        """End all leases: their holders are known to be no more. Returns how many."""
        ...

    async def next_due(self) -> float | None:
        """When the next enabled account will be due or its lease will have run out; None where there is
        none.
        """
        ...

    async def account_states(self) -> Sequence[AccountState]:
        """All known accounts, by name."""
        ...


class Ledger(Protocol):
    """What the fetcher records. Every change needs the account's fence and raises `LeaseLost` without it."""

    async def ledger(self, account: str) -> Sequence[LedgerRow]:
        """All mails of an account that are not gone."""
        ...

    async def record_fetched(
        self, fence: Fence, mails: Sequence[FetchedMail], now: float, lease: float
    ) -> Sequence[Receipt | None]:
        """Enter mails into the ledger, one receipt each; None for one whose row has moved on."""
        ...

    async def start_deleting(self, fence: Fence, messages: Sequence[str], now: float) -> Sequence[str]:
        """Allow the deletion of those that are settled; returns them."""
        ...

    async def record_gone(self, fence: Fence, reasons: Mapping[str, str], now: float) -> None:
        """These messages (id: reason) are no longer at the source under their key."""
        ...

    async def settled_among(self, messages: Sequence[str]) -> Sequence[str]:
        """Those of `messages` that are settled."""
        ...

    async def lose_all(self, reason: str, now: float) -> int:
        """Declare everything in flight lost, for all accounts: their events are known to be no more. Returns
        how many.
        """
        ...


class Routings(Protocol):
    """What the router records."""

    async def record_routed(
        self, mails: Sequence[RoutedMail], now: float, lease: float
    ) -> tuple[Sequence[Serving], Sequence[Settled]]:
        """Record recipients and claims. Returns what is to be published: who is to be served, and what is
        settled already.

        A mail that was already recorded with this `fetch_no` is served again, as its event may never have
        gone out; a stale one appears in neither result.
        """
        ...


class Deliveries(Protocol):
    """What the relay records."""

    async def begin_attempts(self, wishes: Sequence[Attempt], now: float, lease: float) -> Sequence[Serving]:
        """Begin those attempts that are not stale; the recipients' attempt numbers are those of the attempts
        begun.
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


class Archive(Protocol):
    """What operators ask."""

    async def find(self, text: str, limit: int) -> Sequence[Message]:
        """Messages by id, Message-ID (with or without angle brackets), UID or recipient address, newest
        first.
        """
        ...

    async def story(self, message: str) -> Sequence[Entry]:
        """The journal of one message, in order."""
        ...

    async def parked(self, limit: int = 1000) -> Sequence[Parked]:
        """Parked recipients, oldest first."""
        ...

    async def parked_totals(self) -> tuple[int, int]:
        """How many recipients are parked, and how many octets of mail are kept for them."""
        ...

    async def retry_parked(
        self, message: str, addresses: Sequence[str], destination: str | None, target: str | None, now: float
    ) -> Sequence[str]:
        """Open parked recipients (all when `addresses` is empty) again; returns the addresses changed."""
        ...

    async def discard_parked(self, message: str, addresses: Sequence[str], now: float) -> Sequence[str]:
        """Give parked recipients (all when `addresses` is empty) up; returns the addresses changed."""
        ...

    async def target_states(self, targets: Sequence[str]) -> Sequence[TargetState]:
        """How these targets serve, in their order."""
        ...

    async def message_counts(self) -> Mapping[tuple[str, MessageStatus], int]:
        """How many messages there are by account and status, those gone left out."""
        ...

    def journal(self) -> AsyncIterator[Entry]:
        """All entries in their order."""
        ...

    async def verify(self) -> Sequence[str]:
        """Fold the journal and compare with the state tables; the differences as sentences, none when they
        agree.
        """
        ...

    async def rebuild(self) -> int:
        """Make the state tables again from the journal; returns the number of messages."""
        ...


class Store(Leases, Ledger, Routings, Deliveries, Archive, Protocol):
    """All of it, and its life."""

    async def check(self) -> None:
        """Raises `StoreUnavailable` or `SchemaOutdated` where the store cannot be used."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
