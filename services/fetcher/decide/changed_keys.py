"""Recognise mails that the source shows under other keys than before, without reading them.

A folder has another UIDVALIDITY, was renamed, or is gone, or somebody moved a mail into another folder. A
mail is recognised by the object id that its server gives it, or else by size and header, where that fits one
missing mail and one new mail only. Others are read, and compared by content.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Hashable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from services.fetcher.decide.content_index import is_by_content
from services.fetcher.decide.fingerprint import header_digest, names_one_mail
from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.mailbox import Listed, Listing
from shared.model.message import LedgerKey
from shared.ports.store import LedgerRow

HEADERS_AT_ONCE = 500
"""Mails whose headers are compared before the ledger learns the result: some seconds of a slow server."""


class Found(NamedTuple):
    """The mail of `row` is `entry` now; `by_header`: the headers were compared."""

    row: LedgerRow
    entry: Listed
    by_header: bool = True


class Places:
    """Which folders a listing shows, and by which UIDVALIDITY."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        places = {each.place for each in (*listing.entries, *listing.nameless)}
        places |= {each.place for each in listing.covered}
        self._uidvalidities: dict[str, int] = {each.folder: each.uidvalidity for each in places}

    def is_renumbered(self, key: LedgerKey) -> bool:
        """Return whether the key's folder has another UIDVALIDITY now, so that the key names no mail."""
        return self._uidvalidities.get(key.folder, key.uidvalidity) != key.uidvalidity

    def may_hold(self, key: LedgerKey) -> bool:
        """Return whether the mail that is missing under this key may be listed under another one.

        In a folder that was listed completely, alone and with the same UIDVALIDITY, it cannot.
        """
        if self.is_renumbered(key):
            return True
        is_elsewhere = len(self._uidvalidities) > 1 or key.folder not in self._uidvalidities
        return is_elsewhere and self._listing.covers(key)


async def found_elsewhere(
    listing: Listing, rows: Sequence[LedgerRow], mailbox: Mailbox
) -> AsyncIterator[Sequence[Found]]:
    """Yield mails that are listed under other keys than the ledger's, some at a time.

    Headers are requested only of new mails of a missing mail's size. Raises what the mailbox raises.
    """
    missing, new = _unmatched(listing, rows)
    if not missing or not new:
        return
    if by_id := _found_by_id(missing, new):
        yield by_id
    taken, shown = {each.row.message for each in by_id}, {each.entry.number for each in by_id}
    rest = [row for row in missing if row.message not in taken and row.header and row.listed_size]
    others = [entry for entry in new if entry.number not in shown]
    for some in _by_size(others, {row.listed_size for row in rest}):
        sizes = {entry.size for entry in some}
        headers: list[tuple[Hashable, Listed]] = []
        async for entry, header in mailbox.headers(some):
            if header and names_one_mail(header):
                headers.append(((entry.size, header_digest(header)), entry))
        of_these = (row for row in rest if row.listed_size in sizes)
        if pairs := _pairs((((row.listed_size, row.header), row) for row in of_these), headers):
            yield [Found(*each) for each in pairs]


def renumbered_folders(listing: Listing, rows: Iterable[LedgerRow]) -> set[str]:
    """Return the folders that have another UIDVALIDITY than all mails that are known of them."""
    places = Places(listing)
    renumbered: set[str] = set()
    same: set[str] = set()
    for row in rows:
        if not is_by_content(row.key):
            (renumbered if places.is_renumbered(row.key) else same).add(row.key.folder)
    return renumbered - same


def _unmatched(listing: Listing, rows: Sequence[LedgerRow]) -> tuple[Sequence[LedgerRow], Sequence[Listed]]:
    """Return the missing mails that may be listed elsewhere, and the listed mails that nobody knows."""
    if not listing.has_uids:
        return (), ()
    listed = {entry.key for entry in listing.entries}
    known = {row.key for row in rows}
    places = Places(listing)
    missing = [
        row
        for row in rows
        if row.key not in listed and not is_by_content(row.key) and places.may_hold(row.key)
    ]
    return missing, [entry for entry in listing.entries if entry.key not in known] if missing else ()


def _found_by_id(missing: Sequence[LedgerRow], new: Sequence[Listed]) -> list[Found]:
    pairs = _pairs(
        ((row.object_id, row) for row in missing if row.object_id),
        ((entry.object_id, entry) for entry in new if entry.object_id),
    )
    # Another server, under the same name, may give its ids to other mails.
    return [
        Found(row, entry, by_header=False)
        for row, entry in pairs
        if not (row.listed_size and entry.size) or row.listed_size == entry.size
    ]


def _pairs(
    rows: Iterable[tuple[Hashable, LedgerRow]], entries: Iterable[tuple[Hashable, Listed]]
) -> list[tuple[LedgerRow, Listed]]:
    """Return the mails that have what only one missing and only one new mail have."""
    missing: dict[Hashable, list[LedgerRow]] = defaultdict(list)
    for what, row in rows:
        missing[what].append(row)
    new: dict[Hashable, list[Listed]] = defaultdict(list)
    for what, entry in entries:
        new[what].append(entry)
    return [
        (missing[what][0], those[0])
        for what, those in new.items()
        if len(those) == 1 and len(missing.get(what, ())) == 1
    ]


def _by_size(entries: Sequence[Listed], sizes: Collection[int]) -> Iterator[list[Listed]]:
    """Yield the mails of these sizes in portions; those of one size are in one portion."""
    ordered = sorted((each for each in entries if each.size in sizes), key=lambda each: each.size)
    portion: list[Listed] = []
    for _, those in groupby(ordered, key=lambda each: each.size):
        portion += those
        if len(portion) >= HEADERS_AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion
