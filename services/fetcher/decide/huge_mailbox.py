"""Plan a visit to a huge mailbox whose listing comes in ranges of UIDs.

A settled copy that stays, and is listed as the ledger knows it, needs nothing. Such pairs of a listed mail
and a row are counted and dropped, range by range. What is left is planned like a small mailbox, by the same
rules. So no rule of custody is here, but one: what is dropped must not decide about anything else.

What is left is bounded. More new mails, and more copies to delete, wait for the next visit. A new mail may be
a missing one under another UID: so no missing mail is recorded as gone while new mails wait (`has_more`), and
all of the missing must be known, else the mailbox is listed as a whole (`is_too_different`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import inf

from services.fetcher.decide.plan import is_another
from services.fetcher.decide.read_failures import ReadFailures
from shared.custody.decide import is_on_its_way
from shared.model.mailbox import Listed, Listing, ListingSpan, UidRange
from shared.model.message import DELETABLE, LedgerKey, MessageStatus
from shared.model.reading import Oversize, Reading
from shared.model.retention import Retention
from shared.ports.store import LedgerRow

MOST_NEW = 20_000
"""New mails that one visit plans: some 10 MiB."""
MOST_OTHERS = 10_000
"""Of every other kind: rows take twice as much."""


@dataclass(slots=True)
class HugeMailbox:
    """What is left of a listing that comes in parts. `now`: seconds since the epoch.

    The keys `looked_at` are never dropped. `kept` copies were, whose retention ends at `kept_until` at the
    earliest. `has_more`: so many mails are `left` to later visits, or missing ones are.
    """

    retention: Retention
    reading: Reading
    read_failures: ReadFailures
    now: float
    longest_lease: float = inf
    looked_at: Collection[LedgerKey] = ()
    kept: int = 0
    kept_until: float = inf
    left: int = 0
    has_more: bool = False
    is_too_different: bool = False
    _entries: list[Listed] = field(default_factory=list)
    _rows: dict[str, LedgerRow] = field(default_factory=dict)
    _flagged: set[int] = field(default_factory=set)
    _counts: dict[str, int] = field(default_factory=dict)
    _lacks_missing: bool = False

    def add_span(self, listing: Listing, rows: Sequence[LedgerRow]) -> None:
        """Add a part of the listing, and the ledger's rows of its range."""
        known = {row.key: row for row in rows}
        for entry in listing.entries:
            row = known.pop(entry.key, None)
            is_flagged = entry.number in listing.flagged
            if row is not None and self._is_kept(entry, row):
                self._count_kept(row)
            elif self._has_room(kind := self._kind(entry, row, is_flagged=is_flagged)):
                self._entries.append(entry)
                self._rows |= {row.message: row} if row is not None else {}
                self._flagged |= {entry.number} if is_flagged else set()
            elif kind == "resized":
                self.is_too_different = True
            else:
                self.left += 1
                self.has_more = self.has_more or kind in {"new", "due"}
        self.add_missing([*known.values()])

    def add_missing(self, rows: Sequence[LedgerRow]) -> None:
        """Add rows whose mails are not listed under their keys."""
        for row in rows:
            if self._is_in_hand(row) or self._has_room("missing"):
                self._rows[row.message] = row
            else:
                self._lacks_missing = True

    def add_elsewhere(self, rows: Sequence[LedgerRow]) -> None:
        """Add the rows of other folders and UIDVALIDITYs: all, or more than `MOST_OTHERS`.

        The only part of a listing has those of earlier UIDVALIDITYs already.
        """
        if len(rows) > MOST_OTHERS:
            self.is_too_different = True
        self._rows |= {row.message: row for row in rows[:MOST_OTHERS]}

    def conclude(self, last: ListingSpan) -> tuple[Listing, Sequence[LedgerRow]]:
        """Return what is left to be planned, after the last part of the listing.

        Only where the parts together showed all mails, the listing covers the folder.
        """
        if self._lacks_missing:
            is_new = any(self._counts.get(kind) for kind in ("new", "oversize"))
            self.is_too_different = self.is_too_different or is_new
            self.has_more = True
        (end,) = last.listing.covered
        listing = Listing(
            self._entries,
            has_uids=True,
            problems=last.listing.problems,
            covered=(UidRange(end.place),) if last.is_complete else (),
            flagged=frozenset(self._flagged),
            folders=last.listing.folders if last.is_complete else None,
        )
        return listing, [*self._rows.values()]

    def _is_kept(self, entry: Listed, row: LedgerRow) -> bool:
        return (
            row.status is MessageStatus.SETTLED
            and row.key not in self.looked_at
            and not (row.unbacked and row.blob is not None)
            and not is_another(row, entry)
            and not self.retention.is_over(row.first_fetched_at, self.now)
        )

    def _count_kept(self, row: LedgerRow) -> None:
        self.kept += 1
        ends_at = self.retention.ends_at(row.first_fetched_at)
        self.kept_until = min(self.kept_until, inf if ends_at is None else ends_at)

    def _kind(self, entry: Listed, row: LedgerRow | None, *, is_flagged: bool) -> str:
        """Return of which kind a mail is, so that none takes the room of another."""
        if (
            (row is not None and self._is_in_hand(row))
            or self.read_failures.find(entry.key) is not None
            or entry.key in self.looked_at
        ):
            return "in hand"
        if row is not None and is_another(row, entry):
            return "resized"
        if row is not None and row.status in DELETABLE:
            return "due"
        if row is None and is_flagged:
            return "flagged"
        is_oversize = self.reading.oversize is Oversize.LEAVE and 0 < self.reading.max_size < entry.size
        return "oversize" if is_oversize else "new"

    def _is_in_hand(self, row: LedgerRow) -> bool:
        """Return whether the mail is on its way or held here, which the limits of the flow bound."""
        held = row.unbacked and row.blob is not None
        return held or is_on_its_way(row.status, row.lease_until, self.now, self.longest_lease)

    def _has_room(self, kind: str) -> bool:
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        return kind == "in hand" or count <= (MOST_NEW if kind == "new" else MOST_OTHERS)
