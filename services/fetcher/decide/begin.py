"""Which mails are skipped, as they were in the mailbox when the account began."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from shared.model.begin import Begin
from shared.model.mailbox import Listed, Listing
from shared.model.message import LedgerKey
from shared.ports.store import SkippedMail

CLOCK_SKEW = 86_400.0
"""Seconds by which the clocks of a source may differ from ours. A mail under another UID, or of another size,
is taken for a skipped one only if it was received so long before the account began."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the listing shows of the skipped mails.

    `there`: the numbers of mails that are skipped, or whose date is not known yet. `undecided`: the latter.
    `suspects`: mails that may be skipped ones under another UID or of another size, each with the row that it
    may be. `absent`: rows whose mails are gone; they are to be forgotten.
    """

    there: Collection[int]
    undecided: Sequence[Listed]
    suspects: Sequence[tuple[Listed, SkippedMail]]
    absent: Sequence[LedgerKey]


def is_complete(listing: Listing) -> bool:
    """Return whether the listing shows all mails of all its folders."""
    whole = {each.place for each in listing.covered if not each.first and each.last is None}
    return len(whole) == len(listing.covered) > 0 and whole.issuperset(each.place for each in listing.entries)


def first_mails(listing: Listing, begin: Begin, now: float) -> list[SkippedMail]:
    """Return the mails that were there when the account began; those whose date decides are undecided."""
    return [SkippedMail(each.key, each.size, now, not begin.needs_date) for each in listing.entries]


def compare(listing: Listing, skipped: Iterable[SkippedMail], known: Collection[LedgerKey]) -> Comparison:
    """Compare a listing with the skipped mails. `known` are the keys of mails in the ledger."""
    rows = {each.key: each for each in skipped}
    there: set[int] = set()
    undecided: list[Listed] = []
    suspects: list[tuple[Listed, SkippedMail]] = []
    listed = {entry.key: entry for entry in listing.entries}
    proves = listing.has_uids and not listing.nameless
    missing = [each for each in rows.values() if each.key not in listed]
    by_size: dict[int, list[SkippedMail]] = defaultdict(list)
    for each in missing:
        by_size[each.listed_size].append(each)
    for key, entry in listed.items():
        row = rows.get(key)
        if row is not None and not _is_resized(entry, row):
            there.add(entry.number)
            if not row.decided:
                undecided.append(entry)
        elif row is not None:
            suspects.append((entry, row))
        elif key not in known and entry.size and by_size.get(entry.size):
            suspects.append((entry, by_size[entry.size].pop()))
    # A folder that is left out for a while would bring all its old mail when it is back.
    absent = [
        each.key
        for each in missing
        if proves and listing.covers(each.key) and not listing.lacks_folder_of(each.key)
    ]
    return Comparison(there, undecided, suspects, absent)


def is_old(received_at: float | None, begin: Begin, row: SkippedMail) -> bool:
    """Return whether a suspect can be nothing but a skipped mail."""
    return received_at is not None and received_at < min(begin.since, row.at - CLOCK_SKEW)


def is_skipped(received_at: float | None, begin: Begin) -> bool:
    """Return whether a mail of the first listing is skipped. One without a date is not, so none is lost."""
    return not begin.needs_date or (received_at is not None and received_at < begin.since)


def _is_resized(entry: Listed, row: SkippedMail) -> bool:
    return bool(entry.size and row.listed_size) and entry.size != row.listed_size


def without(listing: Listing, skipped: Collection[int]) -> Sequence[Listed]:
    """Return the mails of the listing that are not skipped, which are given by their numbers."""
    return [each for each in listing.entries if each.number not in skipped]


def undecided_sentence(undecided: int) -> str:
    """Return why mails wait whose date is not known yet."""
    return f"{undecided} mails wait, as their dates are not known yet (`begin`); the next visit goes on"
