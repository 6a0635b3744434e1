"""What the services ask of the store beside carrying mail: recovery, pruning, epochs, blobs, notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.custody.state import Message, Recipient
from shared.ports.store.accounts import AccountTotals, UnregisteredMail
from shared.ports.store.relay import Concluded


@dataclass(frozen=True, slots=True)
class Epoch:
    """The epoch in force.

    A database that was restored from a backup shows mails as they were. Deleting at the sources by that could
    delete other mails; so a new epoch begins, and deletion waits for an operator.

    `store` names the database for ever. `mark` only grows, unless the database goes back in time. While
    `paused_since` is set, nothing is deleted at any source, for `reason`. `seen_at` is the date that the
    fetcher which advanced the mark last had. The days of copies that stay at their source are counted from
    `copies_since` at the earliest, as clocks were wrong before.
    """

    store: str
    number: int
    mark: int
    paused_since: float | None = None
    reason: str | None = None
    seen_at: float | None = None
    copies_since: float = 0.0


@dataclass(frozen=True, slots=True)
class Pruned:
    """One step of pruning: `messages` were forgotten; `blobs` of theirs that are left may be removed.

    The next step begins after the id `last`; None where nothing beyond can be old enough.
    """

    last: str | None
    messages: int = 0
    blobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked recipient of a message."""

    message: Message
    recipient: Recipient
    parked_at: float


class MaintenanceStore(Protocol):
    """What keeps the rest going."""

    async def end_leases(self) -> int:
        """End all account leases: their holders are known to be no more. Return how many."""
        ...

    async def lose_all(self, reason: str, now: float) -> int:
        """Declare everything in flight lost, for all accounts: its events are known to be no more.

        Returns how many messages that were.
        """
        ...

    async def overdue_messages(self, now: float, patience: float, limit: int) -> Sequence[Message]:
        """Return messages held in blobs with recipients that are due and whose event is not under way.

        The longest overdue come first. A recipient counts whose retry by an operator is due at `now`, that
        attempt's end included if nobody saw it, or that was deferred and is more than `patience` seconds
        overdue.
        """
        ...

    async def republish_mails(
        self, fetcher: str, now: float, lease: float, longest: float, limit: int
    ) -> Sequence[Message]:
        """Return mails that are held in blobs alone and whose event is lost, for `fetcher` to publish again.

        Each has a new `fetch_no` and a message lease of `lease` seconds. A lease that ends more than
        `longest` seconds from now was set by a clock that was ahead, and is over.
        """
        ...

    async def lose_blobs(self, blobs: Mapping[str, str], reason: str, now: float) -> Concluded:
        """Record that the blobs of these messages (id: blob) are no more.

        What the source still has will be fetched again. Of the rest, recipients that were not served are
        parked with the reason.
        """
        ...

    async def prune_messages(self, after: str, gone_before: float, limit: int) -> Pruned:
        """Look at `limit` messages beyond the id `after`; forget those that were gone before `gone_before`.

        Their journal and their claims go with them. A mail is kept while its source has it, while a recipient
        is parked, and while anything is left to be done for it.
        """
        ...

    async def raw_mail_needed(self, messages: Sequence[str]) -> Sequence[str]:
        """Return those of `messages` whose raw mail may still be needed, see
        `custody.settlement.needs_raw_mail`.

        A message that is not known is among them only once the store was restored from a backup.
        """
        ...

    async def raw_mail_not_needed(self, messages: Sequence[str]) -> Sequence[str]:
        """Return those of `messages` that are known and whose raw mail will never be needed again."""
        ...

    async def epoch(self) -> Epoch:
        """Return the epoch in force."""
        ...

    async def advance_mark(self, seen_at: float | None = None, copies_since: float = 0.0) -> Epoch:
        """Count the mark up, unless deletion is paused; remember the date `seen_at`.

        `copies_since` is remembered if it is later than what is known, or if what is known lies in the
        future.
        """
        ...

    async def pause_deletion(self, reason: str, now: float) -> Epoch:
        """Begin a new epoch, in which nothing is deleted until an operator confirms it.

        Without effect where deletion is paused.
        """
        ...

    async def account_totals(self, now: float, tenants: int) -> AccountTotals:
        """Return how the accounts of the registry are, with the failing ones of up to `tenants` tenants."""
        ...

    async def unregistered_mail(self) -> UnregisteredMail:
        """Return what is not done of accounts that are not in the registry; removed ones are in it.

        Mails that left their source and of which no copy is held are not counted.
        """
        ...

    async def oldest_unsettled(self) -> float | None:
        """Return when the oldest mail was first fetched that is deferred, or that is held here alone and not
        done; None where there is none. What is under way for the first time is not looked for.
        """
        ...

    async def busiest_tenants(self, day: int, limit: int) -> Mapping[str, int]:
        """Return the mails fetched on that day of the tenants with most of them, the most first."""
        ...

    async def left_behind_count(self) -> int:
        """Return how many mails left their source before every recipient was done, with no copy held."""
        ...

    async def notices(self) -> Mapping[str, float]:
        """Return up to which moment each notice, by its name, has told what was parked."""
        ...

    async def claim_notice(self, name: str, known: float | None, until: float) -> bool:
        """Record that the notice has told what was parked up to `until`, so that no process sends it twice.

        False, and nothing changes, where another process was faster: the notice had not told up to `known`
        (None: never).
        """
        ...

    async def parked_tenants(self) -> Mapping[str, float]:
        """Return when the latest of each tenant's parked recipients was parked."""
        ...

    async def parked_between(
        self, after: float, until: float, limit: int, tenant: str | None = None
    ) -> Sequence[Parked]:
        """Return recipients parked after `after` and not later than `until`, the oldest first.

        They are of one tenant, or of all where none is named.
        """
        ...
