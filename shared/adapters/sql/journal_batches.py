"""The journal of some mails is read, forgotten or rewritten, whichever rows hold its entries.

A single entry has a row of its own, which an index finds by its message. All entries of a transaction that
has several are in one row, a batch (`rows.journal_rows`); each message names its batches in its column
`journal_batches`. Earlier versions gave each entry a row of its own; those are read until they are pruned.

The numbers of all rows come from one sequence, and are given while messages and claims are locked. So rows
in their order, and entries in the order of their row, are in the order of what happened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import delete

from shared.adapters.sql.rows import NOBODY
from shared.adapters.sql.tables import journal, messages
from shared.adapters.sql.unit_of_work import Transaction
from shared.contract.codec import Undecodable, pack_bodies, unpack_bodies

BATCHES_AT_ONCE = 100
"""Batches that are read at a time: with a hundred mails in each, they take some 4 MB when unpacked."""


class Place(NamedTuple):
    """Where an entry is: the number of its row, and its place in the batch; None if the row is its own."""

    row: int
    within: int | None


Placed = tuple[Place, bytes]
"""An encoded entry and where it is."""


def journals_of(
    transaction: Transaction, ids: Collection[str], *, lock: bool = False
) -> dict[str, list[Placed]]:
    """Return the encoded entries of these messages by message, in order. Messages without any are left out.

    With `lock`, nobody else rewrites the rows until the end of the transaction. The messages have to be
    locked before.
    """
    connection, bulk = transaction
    keys = [(each,) for each in sorted(set(ids))]
    found: defaultdict[str, list[Placed]] = defaultdict(list)
    rows = bulk.select(connection, journal, ["message"], keys, fields=("message", "seq", "body"), lock=lock)
    for message, seq, body in rows:
        found[message].append((Place(seq, None), bytes(body)))
    for message, place, body in entries_in(transaction, _batches_of(transaction, ids), set(ids), lock=lock):
        found[message].append((place, body))
    return {message: in_order(placed) for message, placed in found.items()}


def in_order(placed: Iterable[Placed]) -> list[Placed]:
    """Return the entries in the order of what happened."""
    return sorted(placed, key=lambda each: (each[0].row, each[0].within or 0))


def entries_in(
    transaction: Transaction, numbers: Iterable[int], ids: Collection[str], *, lock: bool = False
) -> Iterator[tuple[str, Place, bytes]]:
    """Yield message, place and body of each entry of these messages in the batches with these numbers.

    Raises `Undecodable` for a damaged batch.
    """
    for seq, bodies in _unpacked(transaction, numbers, lock=lock):
        for within, (message, body) in enumerate(bodies):
            if message in ids:
                yield message, Place(seq, within), body


def bodies_of(seq: int, message: str, body: bytes) -> Sequence[tuple[str, bytes]]:
    """Return the encoded entries of a row of the journal, each with its message.

    Raises `Undecodable`, which names the row, for a damaged batch.
    """
    if message != NOBODY:
        return [(message, bytes(body))]
    try:
        return unpack_bodies(bytes(body))
    except Undecodable as error:
        raise Undecodable(f"row {seq} of the journal: {error}") from error


def forget_journals(transaction: Transaction, ids: Collection[str]) -> None:
    """Delete all entries of these messages, which are locked. A batch goes with its last entry.

    A damaged batch stays, for `verify` to name: no mail is to be kept for it.
    """
    connection, bulk = transaction
    numbers = _batches_of(transaction, ids)
    connection.execute(delete(journal).where(journal.c.message.in_(ids)))
    left, empty = [], []
    for seq, bodies in _unpacked(transaction, numbers, lock=True, damaged=False):
        others = [each for each in bodies if each[0] not in ids]
        if others:
            left.append((seq, pack_bodies(others)))
        else:
            empty.append((seq,))
    bulk.update(connection, journal, ("seq", "body"), left)
    bulk.delete(connection, journal, empty)


def rewrite_entries(transaction: Transaction, changed: Mapping[Place, bytes]) -> None:
    """Put these bodies in place of those that are there. The rows are locked since they were read."""
    connection, bulk = transaction
    rows = [(place.row, body) for place, body in changed.items() if place.within is None]
    numbers = {place.row for place in changed if place.within is not None}
    for seq, bodies in _unpacked(transaction, numbers, lock=True):
        after = [
            (message, changed.get(Place(seq, within), body)) for within, (message, body) in enumerate(bodies)
        ]
        rows.append((seq, pack_bodies(after)))
    bulk.update(connection, journal, ("seq", "body"), rows)


def _batches_of(transaction: Transaction, ids: Collection[str]) -> set[int]:
    connection, bulk = transaction
    keys = [(each,) for each in sorted(set(ids))]
    rows = bulk.select(connection, messages, ["id"], keys, fields=("journal_batches",))
    return {number for (text,) in rows for number in map(int, text.split())}


def _unpacked(
    transaction: Transaction, numbers: Iterable[int], *, lock: bool = False, damaged: bool = True
) -> Iterator[tuple[int, Sequence[tuple[str, bytes]]]]:
    """The batches with these numbers, in their order. Damaged ones are an error, or are passed over."""
    connection, bulk = transaction
    wanted = [(number,) for number in sorted(set(numbers))]
    fields = ("seq", "message", "body")
    for start in range(0, len(wanted), BATCHES_AT_ONCE):
        keys = wanted[start : start + BATCHES_AT_ONCE]
        rows = bulk.select(connection, journal, ["seq"], keys, fields=fields, lock=lock)
        for seq, message, body in sorted(rows, key=lambda row: int(row[0])):
            if message != NOBODY:
                continue
            try:
                bodies = bodies_of(seq, message, body)
            except Undecodable:
                if damaged:
                    raise
            else:
                yield seq, bodies
