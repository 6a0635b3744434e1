"""What a visit looks at first: the listing of the mailbox, and what the ledger knows of its mails.

Of a huge mailbox in which copies stay, both are read by ranges of UIDs, and only what needs something is
held.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from services.fetcher.decide.differences import remembered_differences
from services.fetcher.decide.huge_mailbox import MOST_OTHERS, HugeMailbox
from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.account import Account
from shared.model.begin import ALL
from shared.model.errors import Fault, MailferryError
from shared.model.mailbox import Listing, ListingSpan, UidRange
from shared.model.retention import Retention
from shared.ports.store import Lease, LedgerRow

log = structlog.get_logger("mailferry.fetcher")


class NoUniqueIds(MailferryError):
    """Copies are to stay on a server that gives its mails no unique ids."""

    temporary = False
    fault = Fault.OPERATOR


@dataclass(frozen=True, slots=True)
class MailboxLook:
    """Looks at the mailbox of one account. `longest_lease`: seconds, as for `make_plan`."""

    _account: Account
    _mailbox: Mailbox
    _ports: Ports
    _read_failures: ReadFailures
    _longest_lease: float

    async def look_at(
        self, lease: Lease, since: str
    ) -> tuple[Listing, Sequence[LedgerRow], HugeMailbox | None]:
        """Return the listing and the rows; of a huge mailbox only what is not simply a kept copy."""
        if not self._may_list_by_spans(lease):
            listing = await self._list(since)
            return listing, () if lease.is_fresh else await self._rows(listing), None
        huge: HugeMailbox | None = None
        last: ListingSpan | None = None
        async with aclosing(self._mailbox.listing_spans(since)) as spans:
            async for span in spans:
                if span.is_whole:
                    listing = self._checked(span.listing)
                    return listing, () if lease.is_fresh else await self._rows(listing), None
                huge = huge or await self._new_huge(lease)
                rows = await self._rows_of(span.listing.covered, lease)
                huge.add_span(span.listing, rows)
                last = span
        if huge is None or last is None:
            raise AssertionError("a listing has one part at least")
        if not lease.is_fresh:
            place = last.listing.covered[0].place
            huge.add_elsewhere(
                await self._ports.ledger.rows_elsewhere(self._account.id, place, MOST_OTHERS + 1)
            )
        listing, rows = huge.conclude(last)
        if not huge.is_too_different:
            return listing, rows, huge
        log.info("a huge mailbox is listed as a whole, as it differs much", account=self._account.id)
        listing = await self._list("")
        return listing, await self._rows(listing), None

    def _may_list_by_spans(self, lease: Lease) -> bool:
        """Return whether nothing but the plan has to see the copies that are kept."""
        account = self._account
        skips = account.begin.skips or lease.began not in (None, str(ALL))
        return account.retention.leaves_a_copy and not account.folders.mark_seen and not skips

    async def _new_huge(self, lease: Lease) -> HugeMailbox:
        return HugeMailbox(
            await retention_in_force(self._account, self._ports),
            self._account.reading,
            self._read_failures,
            self._ports.clock.now(),
            self._longest_lease,
            looked_at=remembered_differences(lease.state),
        )

    async def _rows_of(self, ranges: Sequence[UidRange], lease: Lease) -> Sequence[LedgerRow]:
        return () if lease.is_fresh else await self._ports.ledger.ledger_rows(self._account.id, ranges)

    async def _rows(self, listing: Listing) -> Sequence[LedgerRow]:
        ledger = self._ports.ledger
        if not listing.only_changes:
            return await ledger.ledger_rows(self._account.id)
        return await ledger.ledger_rows(self._account.id, listing.covered) if listing.covered else ()

    async def _list(self, since: str) -> Listing:
        return self._checked(await self._mailbox.listing(since))

    def _checked(self, listing: Listing) -> Listing:
        """Return the listing. Raises `NoUniqueIds` where copies are to stay that have no names."""
        if listing.entries and not listing.has_uids and self._account.retention.leaves_a_copy:
            names = "UIDVALIDITY" if self._account.protocol == "imap" else "UIDL"
            raise NoUniqueIds(
                f"account {self._account.id}: {self._account.endpoint} offers no unique ids ({names}), so no "
                'copy can be left there; with retention = "delete" its mail is fetched'
            )
        return listing


async def retention_in_force(account: Account, ports: Ports) -> Retention:
    """Return the account's retention, with the date since when the clocks can be trusted.

    Read the clock before: if it is put right in between, that only delays a deletion.
    """
    if ports.epoch_monitor is None or not account.retention.days:
        return account.retention
    return replace(account.retention, since=await ports.epoch_monitor.copies_since())
