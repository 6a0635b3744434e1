"""The port `OperatorStore` in SQL."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from shared.adapters.sql.account_pages import account_counts, account_page, tenant_colours
from shared.adapters.sql.account_states import account_states
from shared.adapters.sql.calls import MAINTENANCE, allowing
from shared.adapters.sql.epochs import confirm_epoch, current_epoch, pause_deletion
from shared.adapters.sql.erasing import erase_in_mails, mails_mentioning
from shared.adapters.sql.host_facts import host_facts
from shared.adapters.sql.leases.leasing import busy_hosts
from shared.adapters.sql.leases.schedule import make_accounts_due
from shared.adapters.sql.ledger.skipping import find_skipped, import_known_mails, skipped_counts
from shared.adapters.sql.mail_pages import find_messages, mail_page, mail_totals, parked_count, parked_page
from shared.adapters.sql.parking import discard_parked, retry_parked
from shared.adapters.sql.pauses import known_pauses, pause_scope, resume_scope, scheduled_accounts
from shared.adapters.sql.recovery import left_behind
from shared.adapters.sql.runner import TransactionRunner
from shared.adapters.sql.searches import (
    PAGE,
    journal_page,
    message_ids,
    message_journal,
    parked_recipients,
    parked_totals,
    suppressed_counts,
)
from shared.adapters.sql.targets import known_catch_alls, known_outages, known_target_facts, target_states
from shared.adapters.sql.unregistered import unregistered_accounts
from shared.adapters.sql.usage import tenant_usage, usage_by_day, usage_by_tenant
from shared.adapters.sql.verification import rebuild, verify
from shared.contract.journal import Entry
from shared.custody.state import Message
from shared.model.account_condition import Colour
from shared.model.message import LedgerKey
from shared.model.progress import Progress, no_progress
from shared.ports.store import (
    AccountCounts,
    AccountPage,
    AccountQuery,
    AccountState,
    CatchAll,
    Epoch,
    HostFact,
    MailQuery,
    MailTotals,
    Outage,
    Parked,
    ParkedPage,
    ParkedQuery,
    Pause,
    TargetFact,
    TargetState,
    TracedSkip,
    UnregisteredAccount,
    Usage,
)
from shared.ports.store.mails import ANYBODY, Scope


class SqlOperatorStore:
    """What operators ask and decide, see `OperatorStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def find_messages(self, text: str, limit: int, tenant: str | None = None) -> Sequence[Message]:
        """Return messages by id, Message-ID, UID, or recipient (address or destination), newest first."""
        return await self._runner.read(find_messages, text, limit, tenant)

    async def busy_hosts(self, now: float) -> Mapping[str, int]:
        """Return how many visits are under way at each host."""
        return await self._runner.read(busy_hosts, now)

    async def host_facts(self, now: float) -> Sequence[HostFact]:
        """Return what fetchers learnt of hosts, as far as it still holds."""
        return await self._runner.read(host_facts, now)

    async def message_ids(self, beginning: str, limit: int) -> Sequence[str]:
        """Return the first ids of messages that begin so, in their order."""
        return await self._runner.read(message_ids, beginning, limit)

    async def message_journal(self, message: str) -> Sequence[Entry]:
        """Return the journal of one message, in order."""
        return await self._runner.read(message_journal, message)

    async def journal_page(self, after: int = 0) -> Sequence[tuple[int, Entry]]:
        """Return the next entries of the journal after this number, in order and with their numbers."""
        return await self._runner.read(journal_page, after)

    async def verify_journal(self) -> Sequence[str]:
        """Fold the journal and compare it with the state tables; return the differences as sentences."""
        with allowing(MAINTENANCE):
            return await self._runner.read(verify)

    async def rebuild_tables(self, progress: Progress = no_progress) -> int:
        """Make the state tables again from the journal; return the number of messages."""
        with allowing(MAINTENANCE):
            return await self._runner.write(rebuild, progress)

    async def suppressed_counts(self, since: float = 0.0) -> Mapping[str, int]:
        """Return how many recipients had a mail already, by account, since then."""
        return await self._runner.read(suppressed_counts, since)

    async def skipped_counts(self) -> Mapping[str, int]:
        """Return how many mails are not fetched as they were there when their account began, by account."""
        return await self._runner.read(skipped_counts)

    async def import_known_mails(self, account: str, mails: Sequence[LedgerKey], now: float) -> bool:
        """Enter mails that another program has delivered as skipped; False where the account has begun."""
        return await self._runner.write(import_known_mails, account, mails, now)

    async def find_skipped(self, uids: Sequence[str], limit: int) -> Sequence[TracedSkip]:
        """Return mails with one of these UIDs that were there when their account began."""
        return await self._runner.read(find_skipped, uids, limit)

    async def left_behind(self, limit: int, scope: Scope = ANYBODY, after: str = "") -> Sequence[Message]:
        """Return mails that left their source before every recipient was done, with no copy held."""
        return await self._runner.read(left_behind, limit, scope, after)

    async def parked_recipients(self, limit: int = PAGE, tenant: str | None = None) -> Sequence[Parked]:
        """Return parked recipients, oldest first."""
        return await self._runner.read(parked_recipients, limit, tenant)

    async def mail_page(self, query: MailQuery, limit: int) -> Sequence[Message]:
        """Return up to `limit` mails that match the query, newest first."""
        return await self._runner.read(mail_page, query, limit)

    async def parked_page(self, query: ParkedQuery, limit: int) -> ParkedPage:
        """Return up to `limit` parked recipients that match the query, oldest first."""
        return await self._runner.read(parked_page, query, limit)

    async def parked_count(self, query: ParkedQuery) -> int:
        """Return how many parked recipients match the query, on whatever page."""
        return await self._runner.read(parked_count, query)

    async def parked_totals(self) -> tuple[int, int]:
        """Return how many recipients are parked, and how many octets of mail are kept for them."""
        return await self._runner.read(parked_totals)

    async def retry_parked(
        self, message: str, addresses: Sequence[str], destination: str | None, target: str | None, now: float
    ) -> Sequence[str]:
        """Open parked recipients (all where `addresses` is empty) again; return the addresses changed."""
        return await self._runner.write_counting_doubts(
            retry_parked, message, addresses, destination, target, now
        )

    async def discard_parked(self, message: str, addresses: Sequence[str], now: float) -> Sequence[str]:
        """Give up parked recipients (all where `addresses` is empty); return the addresses changed."""
        return await self._runner.write(discard_parked, message, addresses, now)

    async def mails_mentioning(
        self, ids: Collection[str], pattern: re.Pattern[str]
    ) -> Mapping[str, Sequence[Entry]]:
        """Return the journals of those of these mails in which an address is, by id."""
        return await self._runner.read(mails_mentioning, ids, pattern)

    async def erase_in_mails(
        self, ids: Collection[str], pattern: re.Pattern[str], stand_in: str
    ) -> Sequence[Message]:
        """Put a stand-in in place of an address in these mails and their copies; return the changed ones."""
        return await self._runner.write(erase_in_mails, ids, pattern, stand_in)

    async def account_states(self, *, unread: bool = False) -> Sequence[AccountState]:
        """Return all accounts that have a schedule, by name; or those of which mails could not be read."""
        return await self._runner.read(account_states, unread=unread)

    async def account_page(self, query: AccountQuery, now: float) -> AccountPage:
        """Return the first accounts of a query, those with problems first, and the counts of all."""
        return await self._runner.read(account_page, query, now)

    async def tenant_colours(self, tenants: Sequence[str], now: float) -> Mapping[str, Mapping[Colour, int]]:
        """Return how many accounts of each colour each of these tenants has."""
        return await self._runner.read(tenant_colours, tenants, now)

    async def account_counts(self, accounts: Sequence[str]) -> Mapping[str, AccountCounts]:
        """Return the counts of these accounts."""
        return await self._runner.read(account_counts, accounts)

    async def make_due(self, accounts: Sequence[str], now: float) -> None:
        """Have these accounts visited as soon as nobody holds them."""
        await self._runner.write(make_accounts_due, accounts, now)

    async def mail_totals(self, tenant: str | None = None) -> MailTotals:
        """Return how many mails are on their way and recipients parked; of one tenant, or of all."""
        return await self._runner.read(mail_totals, tenant)

    async def tenant_usage(
        self, first_day: int, last_day: int, tenants: Sequence[str] | None = None
    ) -> Sequence[Usage]:
        """Return what tenants (all by default) used on each of these days, by tenant and day."""
        return await self._runner.read(tenant_usage, first_day, last_day, tenants)

    async def usage_by_day(
        self, first_day: int, last_day: int, tenants: Sequence[str] | None = None
    ) -> Sequence[Usage]:
        """Return the sums of these tenants (all by default) for each of these days that has any, by day."""
        return await self._runner.read(usage_by_day, first_day, last_day, tenants)

    async def usage_by_tenant(
        self, first_day: int, last_day: int, tenants: Sequence[str] | None = None
    ) -> Sequence[Usage]:
        """Return the sums of these days for each of these tenants (all by default) with any, by tenant."""
        return await self._runner.read(usage_by_tenant, first_day, last_day, tenants)

    async def unregistered_accounts(self, limit: int) -> Sequence[UnregisteredAccount]:
        """Return accounts that are not in the registry, or were removed, and have mail, by name."""
        return await self._runner.read(unregistered_accounts, limit)

    async def scheduled_accounts(self, scopes: Sequence[str]) -> Sequence[str]:
        """Return the accounts in these scopes that have a schedule and were not removed, by name."""
        return await self._runner.read(scheduled_accounts, scopes)

    async def pause_scope(self, scope: str, now: float) -> Sequence[str]:
        """Pause a scope; return the accounts that are paused only since now."""
        return await self._runner.write(pause_scope, scope, now)

    async def resume_scope(self, scope: str, now: float) -> Sequence[str]:
        """Take back the pauses of a scope and of everything in it; return the accounts that go on."""
        return await self._runner.write(resume_scope, scope, now)

    async def pauses(self) -> Sequence[Pause]:
        """Return all that is paused, by scope."""
        return await self._runner.read(known_pauses)

    async def epoch(self) -> Epoch:
        """Return the epoch in force."""
        return await self._runner.read(current_epoch)

    async def pause_deletion(self, reason: str, now: float) -> Epoch:
        """Begin a new epoch, in which nothing is deleted until it is confirmed."""
        return await self._runner.write(pause_deletion, reason, now)

    async def confirm_epoch(self, mark: int) -> Epoch:
        """Allow deletion again; the mark goes on beyond `mark`."""
        return await self._runner.write(confirm_epoch, mark)

    async def target_states(self, targets: Sequence[str]) -> Sequence[TargetState]:
        """Return how these targets serve, in their order."""
        return await self._runner.read(target_states, targets)

    async def outages(self, now: float) -> Sequence[Outage]:
        """Return the reports of targets that cannot be reached and that hold now, by target."""
        return await self._runner.read(known_outages, now)

    async def target_facts(self, now: float) -> Sequence[TargetFact]:
        """Return what relays have learnt about targets and holds now, by target and kind."""
        return await self._runner.read(known_target_facts, now)

    async def catch_alls(self) -> Sequence[CatchAll]:
        """Return all targets that accept every address of a domain, by target and domain."""
        return await self._runner.read(known_catch_alls)
