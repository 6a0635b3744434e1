"""What was in the mailbox when the account began, and is left there: no visit sees it.

The mails of the first complete listing are entered in one transaction, together with the fact that the
account began. So mail that comes later is delivered, whatever its date, and wherever the process dies. Where
a date decides, the dates are asked for afterwards, some mails at a time; a visit that breaks off loses no
more than those, and the next one goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.fetcher.decide.begin import (
    Comparison,
    compare,
    first_mails,
    is_complete,
    is_old,
    is_skipped,
    without,
)
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.visit.fetching import Bounds
from shared.custody.commands import Fence
from shared.model.account import Account, CustodyMode
from shared.model.begin import ALL
from shared.model.errors import Fault, MailferryError
from shared.model.mailbox import Listed, Listing
from shared.model.message import LedgerKey
from shared.ports.store import Lease, LedgerRow, SkippedMail
from shared.runtime.checkpoints import reached

DATES_AT_ONCE = 500
"""Mails whose dates are asked for before what they say is recorded: some seconds of a slow server."""


class NoBeginning(MailferryError):
    """`begin` cannot be applied to what the mailbox shows. Nothing is fetched, as old mail might be."""

    fault = Fault.SOURCE


class Visible(NamedTuple):
    """The listing without what is skipped. `undecided` mails are left out as their date is not known yet;
    `skipped` counts those that this visit found to be older than the account's beginning.
    """

    listing: Listing
    undecided: int = 0
    skipped: int = 0


@dataclass(slots=True)
class Beginning:
    """The beginning of one account, as a visit under `lease` finds it."""

    account: Account
    mailbox: Mailbox
    ports: Ports
    bounds: Bounds

    async def hide_skipped(self, lease: Lease, listing: Listing, rows: Sequence[LedgerRow]) -> Visible:
        """Return the mails that concern the visit. `rows` are the ledger's.

        Raises `NoBeginning`, and what the mailbox and the store raise.
        """
        if lease.began == str(ALL) or (lease.began is None and not self.account.begin.skips):
            return Visible(listing)
        if lease.began is None:
            skipped = await self._begin(lease.fence, listing)
        else:
            skipped = await self.ports.ledger.skipped_mails(self.account.id)
        if not self.account.begin.skips:
            keys = [each.key for each in skipped]
            await self.ports.ledger.record_skipped(lease.fence, forget=keys, began=str(ALL))
            return Visible(listing)
        if skipped:
            self._check_uids(listing)
        new = sum(each.decided for each in skipped) if lease.began is None else 0
        return await self._without(lease.fence, listing, skipped, rows, new)

    async def _begin(self, fence: Fence, listing: Listing) -> Sequence[SkippedMail]:
        self._check_uids(listing)
        if not is_complete(listing):
            raise NoBeginning(
                f"account {self.account.id}: the mailbox does not list all its mails, so it is not known to "
                f'which begin = "{self.account.begin}" applies; nothing is fetched until it does'
            )
        mails = first_mails(listing, self.account.begin, self.ports.clock.now())
        await self.ports.ledger.record_skipped(fence, mails, began=str(self.account.begin))
        reached("fetcher.begun")
        return mails

    def _check_uids(self, listing: Listing) -> None:
        if listing.entries and not listing.has_uids:
            raise NoBeginning(
                f"account {self.account.id}: {self.account.endpoint} offers no lasting unique ids, so "
                'old mail cannot be told from new; with begin = "all" its mail is fetched',
                temporary=False,
            )

    async def _without(
        self,
        fence: Fence,
        listing: Listing,
        skipped: Sequence[SkippedMail],
        rows: Sequence[LedgerRow],
        new: int,
    ) -> Visible:
        compared = compare(listing, skipped, {row.key for row in rows})
        hidden = set(compared.there)
        hidden |= await self._record_others(fence, compared)
        fetched, old = await self._decide(fence, compared.undecided, skipped)
        undecided = len(compared.undecided) - len(fetched) - old
        visible = without(listing, hidden - fetched)
        return Visible(replace(listing, entries=visible), undecided, new + old)

    async def _record_others(self, fence: Fence, compared: Comparison) -> set[int]:
        """Follow skipped mails under other UIDs and of other sizes, and forget the absent.

        Return the numbers of those that were found.
        """
        found: set[int] = set()
        kept: set[LedgerKey] = set()
        # Where reading consumes, not even a header is read of a mail that may be a skipped one.
        suspects = () if self.account.custody is CustodyMode.SPOOL else compared.suspects
        for start in range(0, len(suspects), DATES_AT_ONCE):
            possible = {entry.number: (entry, row) for entry, row in suspects[start : start + DATES_AT_ONCE]}
            moved: list[SkippedMail] = []
            before: set[LedgerKey] = set()
            async for entry, moment in self.mailbox.received([entry for entry, _ in possible.values()]):
                row = possible[entry.number][1]
                if is_old(moment, self.account.begin, row):
                    found.add(entry.number)
                    before.add(row.key)
                    moved.append(row._replace(key=entry.key, listed_size=entry.size))
            kept |= {each.key for each in moved}
            if moved:
                await self.ports.ledger.record_skipped(fence, moved, forget=before - kept)
        replaced = [entry.key for entry, row in compared.suspects if entry.key == row.key]
        if forget := {*compared.absent, *replaced} - kept:
            await self.ports.ledger.record_skipped(fence, forget=forget)
        return found

    async def _decide(
        self, fence: Fence, undecided: Sequence[Listed], skipped: Sequence[SkippedMail]
    ) -> tuple[set[int], int]:
        """Ask for the dates; return the numbers of mails to be fetched, and how many are skipped."""
        rows = {each.key: each for each in skipped}
        fetched: set[int] = set()
        skipped_now = 0
        for start in range(0, len(undecided), DATES_AT_ONCE):
            if self._ends:
                break
            some = undecided[start : start + DATES_AT_ONCE]
            old: list[SkippedMail] = []
            others: list[Listed] = []
            async for entry, moment in self.mailbox.received(some):
                if is_skipped(moment, self.account.begin):
                    old.append(rows[entry.key]._replace(decided=True))
                else:
                    others.append(entry)
            forget = [entry.key for entry in others]
            await self.ports.ledger.record_skipped(fence, old, forget=forget)
            reached("fetcher.dates-recorded")
            fetched |= {entry.number for entry in others}
            skipped_now += len(old)
        return fetched, skipped_now

    @property
    def _ends(self) -> bool:
        return self.bounds.is_stopping() or self.ports.clock.monotonic() >= self.bounds.deadline
