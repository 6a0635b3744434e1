"""What may be forgotten: messages that left their sources long ago, and raw mail that is not needed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, delete, select, update

from shared.adapters.sql.journal_batches import forget_journals
from shared.adapters.sql.rows import CLAIM, CLAIM_KEY, claim_of
from shared.adapters.sql.tables import claims, epoch, messages, recipients, suppressions
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction, load_messages
from shared.custody import decide
from shared.custody.settlement import needs_raw_mail
from shared.custody.state import Message
from shared.model.message import MessageStatus
from shared.ports.store import Pruned

MESSAGE = messages.c


def prunable(
    transaction: Transaction, after: str, gone_before: float, limit: int
) -> tuple[str | None, list[str]]:
    """Return the id at which this step ends, None where the pass ends, and the messages to be looked at.

    Ids are in the order of time, and nothing is gone before it was fetched: the pass ends where mails are too
    young. So it costs what there is to forget, however much is kept.
    """
    columns = (MESSAGE.id, MESSAGE.status, MESSAGE.gone_at, MESSAGE.first_fetched_at)
    query = select(*columns).where(MESSAGE.id > after).order_by(MESSAGE.id).limit(limit)
    rows = transaction.connection.execute(query).all()
    gone = [
        row.id
        for row in rows
        if row.status == str(MessageStatus.GONE) and row.gone_at is not None and row.gone_at < gone_before
    ]
    goes_on = len(rows) == limit and rows[-1].first_fetched_at < gone_before
    return rows[-1].id if goes_on else None, gone


def prune(transaction: Transaction, last: str | None, ids: Sequence[str], gone_before: float) -> Pruned:
    """Forget those of these messages that are over, with all that belongs to them."""
    connection, bulk = transaction
    loaded = load_messages(transaction, ids, lock=True)
    over = [message for message in loaded if decide.is_forgettable(message, gone_before)]
    if not over:
        return Pruned(last)
    those = [message.id for message in over]
    keys = sorted({(each.tenant, address, each.identity) for each in over for address in each.recipients})
    held = map(claim_of, bulk.select(connection, claims, CLAIM_KEY, keys, fields=CLAIM, lock=True))
    bulk.delete(connection, claims, [claim_key for claim_key, claim in held if claim.holder in those])
    forget_journals(transaction, those)
    connection.execute(delete(recipients).where(recipients.c.message.in_(those)))
    connection.execute(delete(suppressions).where(suppressions.c.message.in_(those)))
    connection.execute(delete(messages).where(MESSAGE.id.in_(those)))
    _note_pruned_until(transaction, over)
    return Pruned(last, len(over), tuple(each.blob for each in over if each.blob is not None))


def _note_pruned_until(transaction: Transaction, over: Sequence[Message]) -> None:
    """Remember until when claims may be missing that older mails had a part in."""
    until = max(each.settled_at or each.first_fetched_at for each in over)
    later = case((epoch.c.pruned_until > until, epoch.c.pruned_until), else_=until)
    transaction.connection.execute(update(epoch).values(pruned_until=later))


def raw_mail_needed(transaction: Transaction, ids: Sequence[str]) -> list[str]:
    """Return those of the messages whose raw mail may still be needed.

    A database that was restored from a backup lacks mails whose blob may be all that is left of them.
    """
    ids = [*map(key, ids)]
    found = load_messages(transaction, ids)
    was_restored = transaction.connection.execute(select(epoch.c.number)).scalar_one() > 1
    unknown = set(ids) - {message.id for message in found} if was_restored else set()
    return [*unknown, *(message.id for message in found if needs_raw_mail(message))]


def raw_mail_not_needed(transaction: Transaction, ids: Sequence[str]) -> list[str]:
    """Return those of the messages that are known and whose raw mail is not needed any more."""
    found = load_messages(transaction, [*map(key, ids)])
    return [message.id for message in found if not needs_raw_mail(message)]
