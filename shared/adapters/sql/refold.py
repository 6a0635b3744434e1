"""The whole journal is folded again, in bounded memory.

Messages are folded one after the other, in the journal's order of (message, number). A claim is touched by
several messages, so what happens to claims is noted in a temporary table meanwhile. Afterwards that is read
in the order of (claim, number), and each claim is folded by itself.

The numbers are in the order of what happened to a claim, because entries are numbered while the claim is
locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, select

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.rows import RECIPIENT_STATUS, entry_of
from shared.adapters.sql.tables import BYTEWISE, journal
from shared.adapters.sql.unit_of_work import Transaction
from shared.contract.codec import Undecodable
from shared.custody.claims import claim_after, claims_touched
from shared.custody.fold import BrokenJournal, fold
from shared.custody.state import Claim, ClaimKey, Message

PORTION = 500
STREAMED = {"stream_results": True, "yield_per": PORTION}
Item = TypeVar("Item")

TOUCH = ("tenant", "address", "identity", "seq", "message", "status")
touches = Table(
    "claim_touches",
    MetaData(),
    Column("tenant", BYTEWISE),
    Column("address", BYTEWISE),
    Column("identity", BYTEWISE),
    Column("seq", BigInteger),
    Column("message", BYTEWISE),
    Column("status", BYTEWISE),
    Index("claim_touches_order", "tenant", "address", "identity", "seq"),
    prefixes=["TEMPORARY"],
)


class Folded(NamedTuple):
    """A message as its journal says; without `message`, the problem with the journal."""

    id: str
    message: Message | None
    problem: str = ""


class Refold:
    """One pass over the journal of a transaction: first all `messages`, then all `claims`."""

    def __init__(self, transaction: Transaction) -> None:
        self._connection, self._bulk = transaction
        self._touched: list[Row] = []

    def messages(self) -> Iterator[list[Folded]]:
        """Yield all messages in portions, ordered by id."""
        allow_scans(self._connection)
        touches.create(self._connection, checkfirst=False)
        query = select(journal.c.message, journal.c.seq, journal.c.body).order_by(
            journal.c.message, journal.c.seq
        )
        with self._connection.execute(query.execution_options(**STREAMED)) as rows:
            for some in _portions(groupby(rows, key=attrgetter("message")), self._folded):
                self._bulk.insert(self._connection, touches, TOUCH, self._touched)
                self._touched = []
                yield some

    def claims(self) -> Iterator[list[tuple[ClaimKey, Claim | None]]]:
        """Yield all claims of the journal in portions, ordered by key; None for one that was given up."""
        each = touches.c
        query = select(*(each[name] for name in TOUCH)).order_by(
            each.tenant, each.address, each.identity, each.seq
        )
        with self._connection.execute(query.execution_options(**STREAMED)) as rows:
            yield from _portions(groupby(rows, key=_claim_key), _folded_claim)

    def end(self) -> None:
        """Drop what was noted about the claims."""
        touches.drop(self._connection, checkfirst=False)

    def _folded(self, message: str, rows: Iterable[Any]) -> Folded:
        folded: Message | None = None
        try:
            for _, seq, body in rows:
                entry = entry_of(body)
                folded = fold(folded, entry)
                for key, status in claims_touched(folded, entry):
                    self._touched.append((*key, seq, message, str(status)))
        except (BrokenJournal, Undecodable, KeyError) as error:
            return Folded(message, None, f"the journal of message {message} cannot be folded: {error}")
        return Folded(message, folded)


def _claim_key(row: Any) -> ClaimKey:
    return ClaimKey(row.tenant, row.address, row.identity)


def _folded_claim(key: ClaimKey, rows: Iterable[Any]) -> tuple[ClaimKey, Claim | None]:
    held: Claim | None = None
    for row in rows:
        held = claim_after(held, row.message, RECIPIENT_STATUS[row.status])
    return key, held


def _portions(groups: Iterator[tuple[Any, Iterable[Any]]], fold_group: Any) -> Iterator[list[Any]]:
    """Each group is folded before the next is read, as `groupby` needs."""
    folded = (fold_group(key, rows) for key, rows in groups)
    while some := list(islice(folded, PORTION)):
        yield some
