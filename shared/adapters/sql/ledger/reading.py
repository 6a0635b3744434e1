"""What the ledger knows of an account's mails."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, or_, select, true

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.rows import KEY, MESSAGE_STATUS
from shared.adapters.sql.tables import messages
from shared.adapters.sql.text import safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.mailbox import Place, UidRange
from shared.model.message import DELETABLE, LedgerKey, MessageStatus
from shared.ports.store import LedgerRow

LISTED = ("id", *KEY, *(name for name in LedgerRow._fields if name not in {"message", "key"}))
"""What a visit has to know of a mail, in the order of the fields of `LedgerRow`."""
RANGES_AT_ONCE = 200
"""SQLite takes no condition with more than 1,000 levels, and each OR is a level."""
_MESSAGE = messages.c


def ledger_rows(transaction: Transaction, account: str, ranges: Sequence[UidRange]) -> list[LedgerRow]:
    """Return the mails of an account that are not gone: those in `ranges`, or all of them where it is ()."""
    connection, bulk = transaction
    if not ranges:
        rows = bulk.select(connection, messages, ["account"], [(account,)], fields=LISTED, only="NOT t.gone")
        return [*map(_ledger_row, rows)]
    found: dict[str, LedgerRow] = {}
    for start in range(0, len(ranges), RANGES_AT_ONCE):
        wanted = or_(*map(_is_in_range, ranges[start : start + RANGES_AT_ONCE]))
        columns = [_MESSAGE[name] for name in LISTED]
        query = select(*columns).where(_MESSAGE.account == account, ~_MESSAGE.gone, wanted)
        found |= {row.message: row for row in map(_ledger_row, map(tuple, connection.execute(query)))}
    return [*found.values()]


def rows_elsewhere(transaction: Transaction, account: str, place: Place, most: int) -> list[LedgerRow]:
    """Return the mails of an account that are not gone and have no key of `place`; `most` at most."""
    folder, same_folder = safe(place.folder), _MESSAGE.folder == safe(place.folder)
    found: list[LedgerRow] = []
    # One range of the index after the other, as "not this folder" would read the whole account.
    for elsewhere in (
        _MESSAGE.folder < folder,
        and_(same_folder, _MESSAGE.uidvalidity < place.uidvalidity),
        and_(same_folder, _MESSAGE.uidvalidity > place.uidvalidity),
        _MESSAGE.folder > folder,
    ):
        query = select(*(_MESSAGE[name] for name in LISTED)).where(
            _MESSAGE.account == account, ~_MESSAGE.gone, elsewhere
        )
        rows = transaction.connection.execute(query.limit(most - len(found)))
        found += map(_ledger_row, map(tuple, rows))
        if len(found) >= most:
            break
    return found


def _is_in_range(uids: UidRange) -> ColumnElement[bool]:
    if uids.is_whole_folder:
        return _MESSAGE.folder == safe(uids.place.folder)
    last = true() if uids.last is None else _MESSAGE.uid <= safe(uids.last)
    return and_(
        _MESSAGE.folder == safe(uids.place.folder),
        _MESSAGE.uidvalidity == uids.place.uidvalidity,
        _MESSAGE.uid >= safe(uids.first),
        last,
    )


def settled_among(transaction: Transaction, ids: Sequence[str]) -> list[str]:
    """Return those of the messages that are settled, their deletion allowed or not."""
    connection, bulk = transaction
    rows = bulk.select(connection, messages, ["id"], [(each,) for each in set(ids)], fields=("id", "status"))
    return [each for each, status in rows if MessageStatus(status) in DELETABLE]


def _ledger_row(row: Row) -> LedgerRow:
    """Return the row of the columns `LISTED`."""
    if len(row) < len(LISTED):
        row = (*row, None)
    message, folder, uidvalidity, uid, long_uid, status, *fetched, unbacked, header, content, name = row
    key = LedgerKey(folder, uidvalidity, long_uid or uid)
    return LedgerRow._make(
        (message, key, MESSAGE_STATUS[status], *fetched, bool(unbacked), header, content, name or "")
    )
