"""Forgetting what is over, a few messages at a time; see the port."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, delete, select, update

from shared.adapters.sql.claims import KEY
from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import claims, epoch, journal, messages, recipients, suppressions
from shared.adapters.sql.unit_of_work import Transaction, load_messages
from shared.custody import decide
from shared.custody.state import Message
from shared.model.message import MessageStatus
from shared.ports.store import Pruned


class SqlPruning(Repository):
    """The port's `Pruning`."""

    async def prune(self, after: str, gone_before: float, limit: int) -> Pruned:
        """Look at `limit` messages beyond the id `after`, and forget what is over since before this time."""
        last, over = await self._transactions.read(
            lambda transaction: _looked_at(transaction, after, gone_before, limit)
        )
        if not over:
            return Pruned(last)
        return await self._transactions.write(_forget, last, over, gone_before)


def _looked_at(
    transaction: Transaction, after: str, gone_before: float, limit: int
) -> tuple[str | None, list[str]]:
    """The id at which this step ends, None where the pass ends, and the messages that look forgettable.

    Ids are in the order of time, and nothing is gone before it was fetched: the pass ends where mails are too
    young. So it costs what there is to forget, however much is remembered.
    """
    each = messages.c
    columns = (each.id, each.status, each.gone_at, each.first_fetched_at)
    query = select(*columns).where(each.id > after).order_by(each.id).limit(limit)
    rows = transaction.connection.execute(query).all()
    over = [
        row.id
        for row in rows
        if row.status == str(MessageStatus.GONE) and row.gone_at is not None and row.gone_at < gone_before
    ]
    goes_on = len(rows) == limit and rows[-1].first_fetched_at < gone_before
    return rows[-1].id if goes_on else None, over


def _forget(transaction: Transaction, last: str | None, ids: Sequence[str], gone_before: float) -> Pruned:
    connection, bulk = transaction
    loaded = load_messages(transaction, ids, lock=True)
    over = [message for message in loaded if decide.is_forgettable(message, gone_before)]
    if not over:
        return Pruned(last)
    those = [message.id for message in over]
    keys = sorted((each.tenant, address, each.identity) for each in over for address in each.recipients)
    held = bulk.select(connection, claims, KEY, sorted(set(keys)), lock=True)
    bulk.delete(connection, claims, [row[:3] for row in held if row[3] in those])
    connection.execute(delete(recipients).where(recipients.c.message.in_(those)))
    connection.execute(delete(suppressions).where(suppressions.c.message.in_(those)))
    connection.execute(delete(journal).where(journal.c.message.in_(those)))
    connection.execute(delete(messages).where(messages.c.id.in_(those)))
    _note(transaction, over)
    return Pruned(last, len(over), tuple(each.blob for each in over if each.blob is not None))


def _note(transaction: Transaction, over: Sequence[Message]) -> None:
    """Remember until when claims may be missing that older mails once had a part in."""
    until = max(each.settled_at or each.first_fetched_at for each in over)
    later = case((epoch.c.pruned_until > until, epoch.c.pruned_until), else_=until)
    transaction.connection.execute(update(epoch).values(pruned_until=later))
