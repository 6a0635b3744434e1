"""The beginning of a visit: what is listed, what the ledger knows of it, and the plan that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from services.fetcher.decide.content_index import ContentIndex, provisional_key
from services.fetcher.decide.copies import with_copies_named
from services.fetcher.decide.plan import Plan, make_plan
from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.decide.recheck import rechecked
from services.fetcher.ingest.ports import Ports
from services.fetcher.visit.limits import Limits
from shared.custody.decide import is_on_its_way
from shared.model.account import Account
from shared.model.errors import Fault, MailferryError
from shared.model.mailbox import Listing, Mailbox
from shared.model.message import DELETABLE
from shared.model.retention import Retention
from shared.ports.clock import Clock
from shared.ports.store import Lease, LedgerRow

FOLDER = "INBOX"


class NoUniqueIds(MailferryError):
    """Copies are to be left on a server that gives its mails no unique ids."""

    temporary = False
    fault = Fault.OPERATOR


@dataclass(frozen=True, slots=True)
class MailboxScan:
    """`rows` are the ledger's, by message; `recognition` knows the mails that the listing does not name."""

    listing: Listing
    plan: Plan
    rows: Mapping[str, LedgerRow]
    recognition: ContentIndex


class MailboxScanner:
    """Of one account's mailbox."""

    def __init__(
        self, account: Account, mailbox: Mailbox, ports: Ports, setbacks: ReadFailures, limits: Limits
    ) -> None:
        self._account = account
        self._mailbox = mailbox
        self._ports = ports
        self._setbacks = setbacks
        self._longest_lease = limits.longest_lease

    async def survey(self, lease: Lease) -> MailboxScan:
        """List, look into the ledger unless the account is fresh, and plan.

        Raises NoUniqueIds, and what the mailbox and the store raise.
        """
        listing = await self._list()
        rows = () if lease.is_fresh else await self._ports.ledger.ledger(self._account.id)
        now, retention = self._ports.clock.now(), self._account.retention
        if rows:
            retention = await retention_in_force(self._account, self._ports)
        listing = await with_copies_named(listing, rows, self._mailbox, retention, now)
        if listing.complete and not listing.nameless:
            self._setbacks.keep_listed(
                provisional_key(FOLDER, listing.uidvalidity, entry) for entry in listing.entries
            )
        plan = make_plan(
            listing,
            rows,
            folder=FOLDER,
            retention=retention,
            reading=self._account.reading,
            now=now,
            setbacks=self._setbacks,
            longest_lease=self._longest_lease,
        )
        self._note_oversize(plan)
        by_message = {row.message: row for row in rows}
        may_come_back = partial(_may_come_back, clock=self._ports.clock, longest_lease=self._longest_lease)
        recognition = ContentIndex(plan.unnamed, plan.moved, may_come_back, known=rows)
        return MailboxScan(listing, await rechecked(plan, by_message, self._mailbox), by_message, recognition)

    async def _list(self) -> Listing:
        listing = await self._mailbox.listing()
        if listing.entries and not listing.has_uids and self._account.retention.leaves_a_copy:
            raise NoUniqueIds(
                f"account {self._account.id}: {self._account.endpoint} offers no unique ids (UIDL), so no "
                'copy can be left there; with retention = "delete" its mail is fetched'
            )
        return listing

    def _note_oversize(self, plan: Plan) -> None:
        for each in plan.choice.oversize:
            octets = max(each.entry.size, setback.octets if (setback := self._setbacks.of(each.key)) else 0)
            self._setbacks.leave(each.key, octets, self._account.reading.max_size, self._ports.clock.now())


async def retention_in_force(account: Account, ports: Ports) -> Retention:
    """The account's retention, whose days are not counted from before clocks could be believed.

    Ask for it after the date: a clock that is put right in between then only delays a deletion.
    """
    if ports.epoch_monitor is None or not account.retention.days:
        return account.retention
    return replace(account.retention, since=await ports.epoch_monitor.copies_since())


def _may_come_back(row: LedgerRow, *, clock: Clock, longest_lease: float) -> bool:
    """Whether a mail that is known need not be entered again."""
    held = row.unbacked and row.blob is not None
    return (
        held
        or row.status in DELETABLE
        or is_on_its_way(row.status, row.lease_until, clock.now(), longest_lease)
    )
