"""Plan a visit from the listing and the ledger.

Custody rules: only mails that the ledger shows as settled are deleted (1). A mail is identified by key and
size before it is deleted (4). A mail is gone only when a listing that covers it lacks it (5). A row is
forgotten when its mail was seen absent or replaced, but never while the mail is on its way (7).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from services.fetcher.decide.changed_keys import Places
from services.fetcher.decide.choice import Choice, Wanted, choose
from services.fetcher.decide.content_index import is_by_content
from services.fetcher.decide.read_failures import ReadFailures
from shared.custody.decide import is_on_its_way
from shared.model.mailbox import Listed, Listing
from shared.model.message import DELETABLE, MessageStatus
from shared.model.reading import Reading
from shared.model.retention import Retention
from shared.ports.store import LedgerRow


class Deletable(NamedTuple):
    """A settled mail that is to be deleted at the source."""

    message: str
    entry: Listed


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of one visit.

    `gone` maps messages to the reason. `delete`: mails to delete, oldest first. `choice`: mails to read.
    `in_flight`: mails on their way; `hidden` counts those that the source does not show. `kept` counts
    settled copies that stay. A mail that is read may be one of `unnamed`, which have no UID, or of `moved`,
    whose UID is no longer listed. Those that a complete visit does not find are gone.
    """

    gone: Mapping[str, str]
    delete: Sequence[Deletable]
    choice: Choice
    in_flight: Sequence[LedgerRow]
    kept: int
    hidden: int = 0
    unnamed: Sequence[LedgerRow] = ()
    moved: Sequence[LedgerRow] = ()


DELETED = "deleted as settled"
TAKEN_AWAY = "no longer at the source"
TAKEN_AWAY_EARLY = "left the source before every recipient was done"
REPLACED = "another mail has its UID now"


def make_plan(
    listing: Listing,
    rows: Sequence[LedgerRow],
    *,
    retention: Retention,
    reading: Reading,
    now: float,
    read_failures: ReadFailures,
    longest_lease: float = inf,
    same: Collection[str] = (),
) -> Plan:
    """Compare what the mailbox lists with what the ledger knows.

    Mails without a UID are read to be recognised by their content. So are new mails while known ones are
    missing, which may have got another UID.
    `longest_lease`: seconds from now until a mail's lease can end at the latest; a lease that ends later was
    given by a wrong clock, and is over. `same` are messages whose header was compared and is the same,
    although their listed size is another one than before.
    """
    named, nameless = (listing.entries, listing.nameless) if listing.has_uids else ((), listing.entries)
    listed = {entry.key: entry for entry in named}
    by_content = [row for row in rows if is_by_content(row.key) and row.key not in listed]
    known = {row.key: row for row in rows if not is_by_content(row.key) or row.key in listed}
    absence_proves = listing.has_uids and not nameless
    gone: dict[str, str] = {}
    in_flight = [row for row in rows if is_on_its_way(row.status, row.lease_until, now, longest_lease)]
    on_their_way = {row.message for row in in_flight}
    for row in known.values():
        reason = _why_gone(
            row,
            listed.get(row.key),
            absence_proves=absence_proves and listing.covers(row.key),
            is_same=row.message in same,
        )
        if reason is not None and row.message not in on_their_way:
            gone[row.message] = reason
    delete: list[tuple[float, Deletable]] = []
    fetch: list[Wanted] = []
    kept = 0
    for key, entry in listed.items():
        past = known.get(key)
        if past is None or past.message in gone:
            fetch.append(Wanted(entry, key))
        elif past.message in on_their_way or (past.unbacked and past.blob is not None):
            continue
        elif past.status not in DELETABLE:
            fetch.append(Wanted(entry, key, past))
        elif past.status is MessageStatus.DELETING or retention.is_over(past.first_fetched_at, now):
            delete.append((past.first_fetched_at, Deletable(past.message, entry)))
        else:
            kept += 1
    unread = _surely_on_their_way(nameless, by_content, on_their_way)
    unnamed = [row for row in by_content if row.listed_size not in unread and listing.covers(row.key)]
    moved: list[LedgerRow] = []
    if fetch or nameless:
        moved = _perhaps_moved(listing, [row for row in known.values() if row.key not in listed])
    if fetch and absence_proves:
        moved, unnamed = [*moved, *unnamed], []
    for row in moved:
        gone.pop(row.message, None)
    fetch += [Wanted(entry, entry.key) for entry in nameless if entry.size not in unread]
    return Plan(
        gone=gone,
        unnamed=unnamed,
        moved=moved,
        delete=[deletable for _, deletable in sorted(delete, key=lambda item: item[0])],
        choice=choose(fetch, reading, read_failures, now),
        in_flight=in_flight,
        kept=kept,
        hidden=sum(row.key not in listed and not is_by_content(row.key) for row in in_flight),
    )


def _perhaps_moved(listing: Listing, missing: Sequence[LedgerRow]) -> list[LedgerRow]:
    """Return the missing mails that a new one may turn out to be when it is read.

    They are known by their content, or only by header and size: that is enough where all UIDs changed or
    there are several folders.
    """
    places = Places(listing)
    return [
        row
        for row in missing
        if (row.content and listing.covers(row.key)) or (row.header and places.may_hold(row.key))
    ]


def _surely_on_their_way(
    nameless: Sequence[Listed], rows: Sequence[LedgerRow], on_their_way: Collection[str]
) -> set[int]:
    """Return the sizes of mails without UIDs that need not be read.

    All known mails of such a size are on their way, and no more are listed.
    """
    sizes = Counter(entry.size for entry in nameless)
    known: dict[int, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        known[row.listed_size].append(row)
    return {
        size
        for size, those in known.items()
        if size in sizes
        and sizes[size] <= len(those)
        and all(row.message in on_their_way or row.unbacked for row in those)
    }


def why_gone(row: LedgerRow) -> str:
    """Return why a mail is gone that the source no longer shows."""
    if row.status is MessageStatus.DELETING:
        return DELETED
    return TAKEN_AWAY if row.status is MessageStatus.SETTLED else TAKEN_AWAY_EARLY


def _why_gone(row: LedgerRow, entry: Listed | None, *, absence_proves: bool, is_same: bool) -> str | None:
    if entry is not None:
        return REPLACED if is_another(row, entry) and not is_same else None
    return why_gone(row) if absence_proves else None


def resized(listing: Listing, rows: Sequence[LedgerRow]) -> list[Deletable]:
    """Return the known mails that are listed with another size than before, and whose header is known.

    Servers exist that estimate sizes, so that only the header tells whether it is another mail.
    """
    suspects = {row.key: row for row in rows if row.header} if listing.has_uids else {}
    return [
        Deletable(row.message, entry)
        for entry in listing.entries
        if suspects and (row := suspects.get(entry.key)) is not None and is_another(row, entry)
    ]


def is_another(row: LedgerRow, entry: Listed) -> bool:
    """Return whether the listed size has changed; where only the size is known, it is another mail then."""
    return bool(row.listed_size and entry.size) and row.listed_size != entry.size


class SettledOutcome(NamedTuple):
    """What becomes of recognised mails: `due` are deleted, by message; `copies` counts settled mails that
    stay.
    """

    due: dict[str, Listed]
    copies: int


def settled_outcome(
    recognised: Mapping[str, tuple[Listed, LedgerRow]], retention: Retention, now: float
) -> SettledOutcome:
    """Return what becomes of the mails that were recognised by their content."""
    settled = {message: each for message, each in recognised.items() if each[1].status in DELETABLE}
    due = {
        message: entry
        for message, (entry, row) in settled.items()
        if row.status is MessageStatus.DELETING or retention.is_over(row.first_fetched_at, now)
    }
    return SettledOutcome(due, len(settled) - len(due))


def missing_mails(left: Iterable[LedgerRow], now: float, longest_lease: float) -> dict[str, str]:
    """Return why mails are gone that a complete visit did not find, without those on their way.

    The listing covered all of them.
    """
    return {
        row.message: why_gone(row)
        for row in left
        if not is_on_its_way(row.status, row.lease_until, now, longest_lease)
    }
