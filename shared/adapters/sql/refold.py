"""The whole journal is folded again, in bounded memory.

First all batches are read, and which messages they concern is noted in a temporary table: what the messages
say about that is to be checked, too. Then messages are folded in portions, in the order of their ids. A claim
is touched by several messages, so what happens to claims is noted in another temporary table meanwhile.
Afterwards that is read in the order of (claim, place in the journal), and each claim is folded by itself.

The places are in the order of what happened to a claim, because rows are numbered while the claim is locked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, null, select, union_all

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.journal_batches import Place, Placed, bodies_of, entries_in, in_order
from shared.adapters.sql.rows import NOBODY, RECIPIENT_STATUS, entry_of
from shared.adapters.sql.tables import BYTEWISE, journal
from shared.adapters.sql.unit_of_work import Transaction
from shared.contract.codec import Undecodable
from shared.custody.claims import claim_after, claims_touched
from shared.custody.fold import BrokenJournal, fold
from shared.custody.state import Claim, ClaimKey, Message

PORTION = 500
STREAMED = {"stream_results": True, "yield_per": PORTION}
Item = TypeVar("Item")

TOUCH = ("tenant", "address", "identity", "seq", "place", "message", "status")
touches = Table(
    "claim_touches",
    MetaData(),
    Column("tenant", BYTEWISE),
    Column("address", BYTEWISE),
    Column("identity", BYTEWISE),
    Column("seq", BigInteger),
    Column("place", BigInteger),
    Column("message", BYTEWISE),
    Column("status", BYTEWISE),
    Index("claim_touches_order", "tenant", "address", "identity", "seq", "place"),
    prefixes=["TEMPORARY"],
)

IN_BATCH = ("message", "seq")
batched = Table(
    "batched_messages",
    MetaData(),
    Column("message", BYTEWISE),
    Column("seq", BigInteger),
    Index("batched_messages_order", "message", "seq"),
    prefixes=["TEMPORARY"],
)


class Folded(NamedTuple):
    """A message as its journal says, and the numbers of the batches with entries of it; without `message`,
    the problem with the journal.
    """

    id: str
    message: Message | None
    batches: Sequence[int] = ()
    problem: str = ""


class Refold:
    """One pass over the journal of a transaction: first all `messages`, then all `claims`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._connection, self._bulk = transaction
        self._touched: list[Row] = []

    def messages(self) -> Iterator[list[Folded]]:
        """Yield all messages in portions, ordered by id; before them, each batch that cannot be read."""
        allow_scans(self._connection)
        for table in (touches, batched):
            table.create(self._connection, checkfirst=False)
        yield from self._note_batches()
        single = select(journal.c.message, journal.c.seq, journal.c.body).where(journal.c.message != NOBODY)
        several = select(batched.c.message, batched.c.seq, null())
        query = union_all(single, several).order_by("message", "seq")
        with self._connection.execute(query.execution_options(**STREAMED)) as rows:
            groups = ((name, [*some]) for name, some in groupby(rows, key=attrgetter("message")))
            while portion := dict(islice(groups, PORTION)):
                folded = self._folded_portion(portion)
                self._bulk.insert(self._connection, touches, TOUCH, self._touched)
                self._touched = []
                yield folded

    def _note_batches(self) -> Iterator[list[Folded]]:
        """Note which messages the batches concern. Yield those that cannot be read."""
        query = (
            select(journal.c.seq, journal.c.body).where(journal.c.message == NOBODY).order_by(journal.c.seq)
        )
        with self._connection.execute(query.execution_options(**STREAMED)) as rows:
            while portion := [*islice(rows, PORTION)]:
                noted: list[Row] = []
                for seq, body in portion:
                    try:
                        noted += [
                            (message, seq) for message in {name for name, _ in bodies_of(seq, NOBODY, body)}
                        ]
                    except Undecodable as error:
                        yield [Folded("", None, problem=f"the journal cannot be folded: {error}")]
                self._bulk.insert(self._connection, batched, IN_BATCH, noted)

    def _folded_portion(self, portion: Mapping[str, Sequence[Any]]) -> list[Folded]:
        """Fold the messages of which these rows are."""
        placed: dict[str, list[Placed]] = defaultdict(list)
        batches: dict[str, list[int]] = defaultdict(list)
        for message, rows in portion.items():
            for _, seq, body in rows:
                if body is None:
                    batches[message].append(seq)
                else:
                    placed[message].append((Place(seq, None), body))
        numbers = {seq for several in batches.values() for seq in several}
        for message, place, body in entries_in(self._transaction, numbers, portion):
            placed[message].append((place, body))
        return [self._folded(message, placed[message], batches[message]) for message in portion]

    def claims(self) -> Iterator[list[tuple[ClaimKey, Claim | None]]]:
        """Yield all claims of the journal in portions, ordered by key; None for one that was given up."""
        each = touches.c
        query = select(*(each[name] for name in TOUCH)).order_by(
            each.tenant, each.address, each.identity, each.seq, each.place
        )
        with self._connection.execute(query.execution_options(**STREAMED)) as rows:
            yield from _portions(groupby(rows, key=_claim_key), _folded_claim)

    def end(self) -> None:
        """Drop what was noted about batches and claims."""
        for table in (touches, batched):
            table.drop(self._connection, checkfirst=False)

    def _folded(self, message: str, placed: Sequence[Placed], batches: Sequence[int]) -> Folded:
        folded: Message | None = None
        try:
            for (seq, within), body in in_order(placed):
                entry = entry_of(body)
                folded = fold(folded, entry)
                for key, status in claims_touched(folded, entry):
                    self._touched.append((*key, seq, within or 0, message, str(status)))
        except (BrokenJournal, Undecodable, KeyError) as error:
            problem = f"the journal of message {message} cannot be folded: {error}"
            return Folded(message, None, batches, problem)
        return Folded(message, folded, batches)


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
