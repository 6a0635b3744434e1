"""What the ledger knows of an account's mails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, true

from shared.adapters.sql.rows import MESSAGE, message_of
from shared.adapters.sql.tables import messages
from shared.adapters.sql.text import safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.state import Message
from shared.model.mailbox import UidRange
from shared.model.message import DELETABLE, MessageStatus
from shared.ports.store import LedgerRow

_MESSAGE = messages.c
_FIELDS = [messages.c[name] for name in MESSAGE]


def ledger_rows(transaction: Transaction, account: str, ranges: Sequence[UidRange]) -> list[LedgerRow]:
    """Return the mails of an account that are not gone: those in `ranges`, or all of them where it is ()."""
    connection, bulk = transaction
    rows: Sequence[Sequence[Any]]
    if ranges:
        wanted = or_(*map(_is_in_range, ranges))
        query = select(*_FIELDS).where(_MESSAGE.account == account, ~_MESSAGE.gone, wanted)
        rows = connection.execute(query).all()
    else:
        rows = bulk.select(connection, messages, ["account"], [(account,)], fields=MESSAGE, only="NOT t.gone")
    return [_ledger_row(message_of(row)) for row in rows]


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


def _ledger_row(message: Message) -> LedgerRow:
    return LedgerRow(
        message=message.id,
        key=message.key,
        status=message.status,
        fetch_no=message.fetch_no,
        listed_size=message.listed_size,
        octets=message.octets,
        first_fetched_at=message.first_fetched_at,
        lease_until=message.lease_until,
        blob=message.blob,
        unbacked=message.unbacked,
        header=message.header,
        content=message.content,
    )
