"""What the ledger knows of an account's mails."""

from __future__ import annotations

from collections.abc import Sequence

from shared.adapters.sql.rows import MESSAGE, message_of
from shared.adapters.sql.tables import messages
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.state import Message
from shared.model.message import DELETABLE, MessageStatus
from shared.ports.store import LedgerRow


def ledger_rows(transaction: Transaction, account: str) -> list[LedgerRow]:
    """Return all mails of an account that are not gone."""
    connection, bulk = transaction
    rows = bulk.select(connection, messages, ["account"], [(account,)], fields=MESSAGE, only="NOT t.gone")
    return [_ledger_row(message_of(row)) for row in rows]


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
