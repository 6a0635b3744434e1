"""What operators ask of the store: mails, their journal, accounts, targets, parked mail, pauses, epochs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from shared.contract.journal import Entry
from shared.custody.state import Message
from shared.model.account_condition import Colour
from shared.model.message import LedgerKey
from shared.model.progress import Progress, no_progress
from shared.ports.store.accounts import (
    AccountCounts,
    AccountPage,
    AccountQuery,
    AccountState,
    UnregisteredAccount,
)
from shared.ports.store.fetcher import HostFact, SkippedMail, Usage
from shared.ports.store.mails import ANYBODY, MailQuery, ParkedPage, ParkedQuery, Scope
from shared.ports.store.maintenance import Epoch, Parked
from shared.ports.store.relay import Outage, TargetFact

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Pause:
    """What is paused since `since`: `tenant/name` is an account, `tenant/` a tenant, `*` everything."""

    scope: str
    since: float

    def holds(self, account: str) -> bool:
        """Return whether the account with this id is in the scope."""
        return covers(self.scope, account)


def covers(scope: str, other: str) -> bool:
    """Return whether everything in the scope `other` is in `scope`, too."""
    return scope in {EVERYTHING, other} or (scope.endswith("/") and other.startswith(scope))


class CatchAll(NamedTuple):
    """A target that has accepted an address of this domain that nobody has, since `since` (seconds since the
    epoch).
    """

    target: str
    domain: str
    since: float


@dataclass(frozen=True, slots=True)
class TargetState:
    """How a target serves: `waiting` recipients are to be tried again, `unanswered` of them got no reply.

    `text` is the reply, or the reason why there was none, of a recipient that waits. `delivered`: something
    was delivered there once. `outage` is the report of a relay that cannot reach it; `facts` are what relays
    have learnt.
    """

    target: str
    delivered: bool = False
    waiting: int = 0
    unanswered: int = 0
    parked: int = 0
    text: str = ""
    outage: Outage | None = None
    facts: tuple[TargetFact, ...] = ()


class MailTotals(NamedTuple):
    """Mails between fetching and settling, and recipients that wait for an operator."""

    in_flight: int
    parked: int


class TracedSkip(NamedTuple):
    """A mail that was there when `account` began, and what of the account's `begin` was applied then."""

    account: str
    mail: SkippedMail
    began: str


class OperatorStore(Protocol):
    """What operators ask and decide."""

    async def find_messages(self, text: str, limit: int, tenant: str | None = None) -> Sequence[Message]:
        """Return messages by id, Message-ID (with or without angle brackets), UID, or recipient (address or
        destination), newest first; of one tenant, or of all.
        """
        ...

    async def busy_hosts(self, now: float) -> Mapping[str, int]:
        """Return how many visits are under way at each host."""
        ...

    async def host_facts(self, now: float) -> Sequence[HostFact]:
        """Return what fetchers learnt of hosts, as far as it still holds."""
        ...

    async def message_ids(self, beginning: str, limit: int) -> Sequence[str]:
        """Return the first ids of messages that begin so, in their order."""
        ...

    async def message_journal(self, message: str) -> Sequence[Entry]:
        """Return the journal of one message, in order."""
        ...

    async def journal_page(self, after: int = 0) -> Sequence[tuple[int, Entry]]:
        """Return the next entries of the journal after this number, in order and with their numbers.

        None where there are no more.
        """
        ...

    async def verify_journal(self) -> Sequence[str]:
        """Fold the journal and compare it with the state tables; return the differences as sentences."""
        ...

    async def rebuild_tables(self, progress: Progress = no_progress) -> int:
        """Make the state tables again from the journal; return the number of messages. `progress` is told
        from another thread, and from the beginning again where the transaction is repeated.

        Raises `SchemaOutdated` where the schema is not the one of this release.
        """
        ...

    async def suppressed_counts(self, since: float = 0.0) -> Mapping[str, int]:
        """Return how many recipients had a mail already, by account, since then, of mails not pruned yet."""
        ...

    async def skipped_counts(self) -> Mapping[str, int]:
        """Return how many mails are not fetched as they were there when their account began, by account."""
        ...

    async def import_known_mails(self, account: str, mails: Sequence[LedgerKey], now: float) -> bool:
        """Enter mails that another program has delivered as skipped, and that the account began with them.

        So they are neither fetched nor deleted, and all others are fetched. An account that is not known yet
        is entered, disabled. Doing it again changes nothing. Returns False, and changes nothing, where the
        account has mail or was visited in order, began with all mail, or is being visited.
        """
        ...

    async def find_skipped(self, uids: Sequence[str], limit: int) -> Sequence[TracedSkip]:
        """Return mails with one of these UIDs that were there when their account began."""
        ...

    async def left_behind(self, limit: int, scope: Scope = ANYBODY, after: str = "") -> Sequence[Message]:
        """Return mails that left their source before every recipient was done, with no copy held.

        The oldest first, from the one that follows the id `after`. One whose event is on its way may still be
        served.
        """
        ...

    async def parked_recipients(self, limit: int = 1000, tenant: str | None = None) -> Sequence[Parked]:
        """Return parked recipients, oldest first; of one tenant, or of all."""
        ...

    async def mail_page(self, query: MailQuery, limit: int) -> Sequence[Message]:
        """Return up to `limit` mails that match the query, newest first."""
        ...

    async def parked_page(self, query: ParkedQuery, limit: int) -> ParkedPage:
        """Return up to `limit` parked recipients that match the query, oldest first."""
        ...

    async def parked_count(self, query: ParkedQuery) -> int:
        """Return how many parked recipients match the query, on whatever page."""
        ...

    async def parked_totals(self) -> tuple[int, int]:
        """Return how many recipients are parked, and how many octets of mail are kept for them."""
        ...

    async def retry_parked(
        self, message: str, addresses: Sequence[str], destination: str | None, target: str | None, now: float
    ) -> Sequence[str]:
        """Open parked recipients (all where `addresses` is empty) again; return the addresses changed.

        Unless they are to be served elsewhere, a recipient that got an identical mail is suppressed, and one
        to which an identical mail is on its way stays parked.
        """
        ...

    async def discard_parked(self, message: str, addresses: Sequence[str], now: float) -> Sequence[str]:
        """Give up parked recipients (all where `addresses` is empty); return the addresses changed."""
        ...

    async def mails_mentioning(
        self, ids: Collection[str], pattern: re.Pattern[str]
    ) -> Mapping[str, Sequence[Entry]]:
        """Return the journals of those of these mails in which an address is, by id."""
        ...

    async def erase_in_mails(
        self, ids: Collection[str], pattern: re.Pattern[str], stand_in: str
    ) -> Sequence[Message]:
        """Put a stand-in in place of an address in the journals and tables of these mails and their copies.

        Return the mails that were changed, as they are then. Those in custody are left as they are, with all
        their copies.
        """
        ...

    async def account_states(self, *, unread: bool = False) -> Sequence[AccountState]:
        """Return all accounts that have a schedule, by name; with `unread`, those of which mails could not be
        read.
        """
        ...

    async def account_page(self, query: AccountQuery, now: float) -> AccountPage:
        """Return the first accounts of a query, those with problems first, and the counts of all."""
        ...

    async def tenant_colours(self, tenants: Sequence[str], now: float) -> Mapping[str, Mapping[Colour, int]]:
        """Return how many accounts of each colour each of these tenants has, see `account_page`."""
        ...

    async def account_counts(self, accounts: Sequence[str]) -> Mapping[str, AccountCounts]:
        """Return the counts of these accounts."""
        ...

    async def make_due(self, accounts: Sequence[str], now: float) -> None:
        """Have these accounts visited as soon as nobody holds them."""
        ...

    async def mail_totals(self, tenant: str | None = None) -> MailTotals:
        """Return how many mails are on their way and recipients parked; of one tenant, or of all."""
        ...

    async def tenant_usage(
        self, first_day: int, last_day: int, tenants: Sequence[str] | None = None
    ) -> Sequence[Usage]:
        """Return what tenants (all by default) used on each of these days, by tenant and day."""
        ...

    async def usage_by_day(
        self, first_day: int, last_day: int, tenants: Sequence[str] | None = None
    ) -> Sequence[Usage]:
        """Return the sums of these tenants (all by default) for each of these days that has any, by day.

        Their tenant is empty.
        """
        ...

    async def usage_by_tenant(
        self, first_day: int, last_day: int, tenants: Sequence[str] | None = None
    ) -> Sequence[Usage]:
        """Return the sums of these days for each of these tenants (all by default) that has any, by tenant.

        Their day is the last one.
        """
        ...

    async def unregistered_accounts(self, limit: int) -> Sequence[UnregisteredAccount]:
        """Return accounts that are not in the registry, or were removed, and have mail that is not done or
        parked, by name.
        """
        ...

    async def scheduled_accounts(self, scopes: Sequence[str]) -> Sequence[str]:
        """Return the accounts in these scopes that have a schedule and were not removed, by name."""
        ...

    async def pause_scope(self, scope: str, now: float) -> Sequence[str]:
        """Pause a scope, with the accounts that are added to it later; return those paused only since now.

        Paused accounts are not visited, whatever their schedule. Mail on its way is delivered.
        """
        ...

    async def resume_scope(self, scope: str, now: float) -> Sequence[str]:
        """Take back the pauses of a scope and of everything in it; return the accounts that go on.

        They are due at once. What a wider pause holds stays paused.
        """
        ...

    async def pauses(self) -> Sequence[Pause]:
        """Return all that is paused, by scope."""
        ...

    async def epoch(self) -> Epoch:
        """Return the epoch in force."""
        ...

    async def pause_deletion(self, reason: str, now: float) -> Epoch:
        """Begin a new epoch, in which nothing is deleted until it is confirmed."""
        ...

    async def confirm_epoch(self, mark: int) -> Epoch:
        """Allow deletion again; the mark goes on beyond `mark`."""
        ...

    async def target_states(self, targets: Sequence[str]) -> Sequence[TargetState]:
        """Return how these targets serve, in their order."""
        ...

    async def outages(self, now: float) -> Sequence[Outage]:
        """Return the reports of targets that cannot be reached and that hold now, by target."""
        ...

    async def target_facts(self, now: float) -> Sequence[TargetFact]:
        """Return what relays have learnt about targets and holds now, by target and kind."""
        ...

    async def catch_alls(self) -> Sequence[CatchAll]:
        """Return all targets that accept every address of a domain, by target and domain."""
        ...


async def whole_journal(store: OperatorStore) -> AsyncIterator[Entry]:
    """Yield all entries in order, read page by page; entries made meanwhile may be among them."""
    after = 0
    while page := await store.journal_page(after):
        for number, entry in page:
            yield entry
            after = number
