"""The beginning of a visit: list the mailbox, read the ledger, and plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import structlog

from services.fetcher.decide.absent_folders import absent_folders, with_absences, without_held
from services.fetcher.decide.begin import undecided_sentence
from services.fetcher.decide.changed_keys import Places, found_elsewhere, renumbered_folders
from services.fetcher.decide.content_index import ContentIndex
from services.fetcher.decide.copies import with_copies_named
from services.fetcher.decide.differences import (
    Differences,
    leave_different,
    with_differences,
)
from services.fetcher.decide.flagged import without_flagged
from services.fetcher.decide.identity_check import same_headers, without_replaced
from services.fetcher.decide.plan import Plan, make_plan, resized
from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.decide.uid_trust import distrust_sentences, distrusted_folders, with_changes
from services.fetcher.decide.unchanged import quiet_until
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.visit.beginning import Beginning
from services.fetcher.visit.fetching import Bounds
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.mailbox_look import MailboxLook, retention_in_force
from shared.custody.commands import Fence, NewPlace
from shared.custody.decide import is_on_its_way
from shared.model.account import Account, CustodyMode
from shared.model.mailbox import Listing
from shared.model.message import DELETABLE
from shared.ports.clock import Clock
from shared.ports.store import Lease, LedgerRow
from shared.runtime.checkpoints import reached

log = structlog.get_logger("mailferry.fetcher")


@dataclass(frozen=True, slots=True)
class MailboxScan:
    """What a visit begins with. `listing` is without the mails that are skipped.

    `rows` are the ledger's, by message. `content_index` has the mails that the listing does not name.
    `quiet_until`: until when nothing is to be done by itself; None where there is something to do now. Of
    `undecided` mails it is not known yet whether they are skipped; this visit found out that `skipped` are.
    `renumbered` mails were recognised under other UIDs. `state` is what is remembered of the account, and
    `distrusted` are the folders whose UIDs were not relied on. So many mails of a huge mailbox are `left` to
    later visits, and `listing` is without its kept copies. Mails of the folders that are `held` do not count
    as gone, although the server does not list them.
    """

    listing: Listing
    plan: Plan
    rows: Mapping[str, LedgerRow]
    content_index: ContentIndex
    quiet_until: float | None
    undecided: int = 0
    skipped: int = 0
    renumbered: int = 0
    state: str | None = None
    distrusted: frozenset[str] = frozenset()
    differences: Differences = Differences({})
    left: int = 0
    held: frozenset[str] = frozenset()

    @property
    def problems(self) -> Sequence[str]:
        """What the operator should know of mails that wait, and of UIDs that lie."""
        waiting = [undecided_sentence(self.undecided)] if self.undecided else []
        return [*waiting, *distrust_sentences(self.distrusted), *self.differences.sentences]


class PresentRows(NamedTuple):
    """The ledger's rows under the keys that their mails have now.

    `renumbered` counts mails whose folder has another UIDVALIDITY; `compared` are those whose header was the
    same.
    """

    rows: Sequence[LedgerRow]
    renumbered: int = 0
    compared: frozenset[str] = frozenset()


class MailboxScanner:
    """Scans the mailbox of one account."""

    def __init__(
        self,
        account: Account,
        mailbox: Mailbox,
        ports: Ports,
        read_failures: ReadFailures,
        limits: Limits,
        bounds: Bounds,
    ) -> None:
        self._account = account
        self._mailbox = mailbox
        self._ports = ports
        self._read_failures = read_failures
        self._longest_lease = limits.longest_lease
        self._beginning = Beginning(account, mailbox, ports, bounds)
        self._look = MailboxLook(account, mailbox, ports, read_failures, limits.longest_lease)

    async def scan_mailbox(self, lease: Lease, since: str = "") -> MailboxScan:
        """List the mailbox, read the ledger unless it has no mail of the account, and plan.

        With the fingerprint `since`, only mails that came later, where the mailbox can tell. Raises
        `NoUniqueIds`, and what the mailbox and the store raise.
        """
        now = self._ports.clock.now()
        distrusted = distrusted_folders(lease.state, now)
        self._mailbox.distrust_uids(distrusted)
        listing, rows, huge = await self._look.look_at(lease, since)
        visible = await self._beginning.hide_skipped(lease, listing, rows)
        listing = visible.listing
        now, retention = self._ports.clock.now(), self._account.retention
        if rows:
            retention = await retention_in_force(self._account, self._ports)
        renumbered = () if huge is not None and huge.kept else renumbered_folders(listing, rows)
        state = with_changes(lease.state, renumbered, now)
        present = await self._under_present_keys(lease.fence, listing, rows)
        rows = present.rows
        # Only now: a flagged mail may be a known one that the ledger has under another key.
        listing = without_flagged(listing, rows)
        listing = await with_copies_named(listing, rows, self._mailbox, retention, now)
        self._read_failures.keep_listed(listing)
        by_message = {row.message: row for row in rows}
        same = await same_headers(resized(listing, rows), by_message, self._mailbox) | present.compared
        plan = make_plan(
            listing,
            rows,
            retention=retention,
            reading=self._account.reading,
            now=now,
            read_failures=self._read_failures,
            longest_lease=self._longest_lease,
            same=same,
        )
        absent = absent_folders(lease.state, listing, rows, now)
        plan = without_held(plan, by_message, absent.held)
        self._note_oversize(plan)
        may_come_back = partial(_may_come_back, clock=self._ports.clock, longest_lease=self._longest_lease)
        content_index = ContentIndex(plan.unnamed, plan.moved, may_come_back, known=rows)
        plan = await without_replaced(plan, by_message, self._mailbox, same)
        plan, differences = leave_different(plan, listing, by_message, lease.state)
        quiet = quiet_until(self._account, listing, plan, rows, retention, now)
        if huge is not None:
            quiet = None if quiet is None or huge.has_more else min(quiet, huge.kept_until)
            plan = replace(plan, choice=replace(plan.choice, more=plan.choice.more or huge.has_more))
        return MailboxScan(
            listing,
            plan,
            by_message,
            content_index,
            quiet,
            visible.undecided,
            visible.skipped,
            present.renumbered,
            with_absences(with_differences(state, differences), absent),
            distrusted & listing.without_uids_in,
            differences,
            huge.left if huge is not None else 0,
            absent.held,
        )

    async def _under_present_keys(
        self, fence: Fence, listing: Listing, rows: Sequence[LedgerRow]
    ) -> PresentRows:
        """Give mails that are recognised elsewhere the keys that they have now, in the ledger, too."""
        if self._account.custody is CustodyMode.SPOOL:  # where reading consumes, not even a header is read
            return PresentRows(rows)
        present = {row.message: row for row in rows}
        places, compared, renumbered = Places(listing), set(), 0
        async for some in found_elsewhere(listing, rows, self._mailbox):
            new_places = [NewPlace(each.row.message, each.entry.key, each.entry.size) for each in some]
            renamed = await self._ports.ledger.rename_mails(fence, new_places, self._ports.clock.now())
            reached("fetcher.renamed")
            for each in some:
                message, entry = each.row.message, each.entry
                if message in renamed:
                    present[message] = each.row._replace(key=entry.key, listed_size=entry.size)
                    renumbered += places.is_renumbered(each.row.key)
                    compared |= {message} if each.by_header else set()
        return PresentRows([*present.values()], renumbered, frozenset(compared))

    def _note_oversize(self, plan: Plan) -> None:
        for each in plan.choice.oversize:
            octets = max(
                each.entry.size, failure.octets if (failure := self._read_failures.find(each.key)) else 0
            )
            self._read_failures.record_oversize(
                each.key, octets, self._account.reading.max_size, self._ports.clock.now()
            )


def _may_come_back(row: LedgerRow, *, clock: Clock, longest_lease: float) -> bool:
    """Return whether a known mail need not be entered into the ledger again."""
    held = row.unbacked and row.blob is not None
    return (
        held
        or row.status in DELETABLE
        or is_on_its_way(row.status, row.lease_until, clock.now(), longest_lease)
    )
