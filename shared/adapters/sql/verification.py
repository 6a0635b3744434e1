"""Comparing the state tables with the journal, and making them anew from it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice

from sqlalchemy import Table, and_, delete, exists, select, text

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.claims import KEY
from shared.adapters.sql.refold import Folded, Refold, touches
from shared.adapters.sql.rows import message_row, recipient_row
from shared.adapters.sql.schema import check_own_revision
from shared.adapters.sql.tables import claims, epoch, journal, messages, recipients
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.state import Claim, ClaimKey
from shared.model.errors import Fault, MailferryError, quoted

MOST_DIFFERENCES = 1000


class Unfoldable(MailferryError):
    """The journal contains what no Mailferry writes, so that the state cannot be made from it; nothing
    was changed.
    """

    temporary = False
    fault = Fault.STORE


def verify(transaction: Transaction) -> list[str]:
    """The differences between tables and journal, as sentences: the first thousand, should there be more."""
    refold = Refold(transaction)
    with closing(_differences(transaction, refold)) as differences:
        found = list(islice(differences, MOST_DIFFERENCES))
    refold.end()
    return found


def rebuild(transaction: Transaction) -> int:
    """Replace the state tables by what the journal tells; returns the number of messages. Raises
    `Unfoldable`, and `SchemaOutdated` on the schema of another release.
    """
    connection, bulk = transaction
    check_own_revision(connection, "the database")
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE messages, recipients, claims, journal IN EXCLUSIVE MODE"))
    for table in (messages, recipients, claims):
        connection.execute(delete(table))
    refold = Refold(transaction)
    count = 0
    for some in refold.messages():
        bulk.insert(connection, messages, [row for each in some for row in _message_rows(each)])
        bulk.insert(connection, recipients, [row for each in some for row in _recipient_rows(each)])
        count += len(some)
    for folded in refold.claims():
        bulk.insert(
            connection, claims, [_claim_row(key, claim) for key, claim in folded if claim is not None]
        )
    refold.end()
    return count


def _message_rows(folded: Folded) -> list[Row]:
    if folded.message is None:
        raise Unfoldable(folded.problem)
    return [message_row(folded.message)]


def _recipient_rows(folded: Folded) -> list[Row]:
    message = folded.message
    return [recipient_row(message, each) for each in message.recipients.values()] if message else []


def _claim_row(key: ClaimKey, claim: Claim) -> Row:
    return (*key, claim.holder, claim.done)


def _differences(transaction: Transaction, refold: Refold) -> Generator[str]:
    for some in refold.messages():
        yield from (each.problem for each in some if each.message is None)
        whole = [each for each in some if each.message is not None]
        ids = [(each.id,) for each in whole]
        expected = [row for each in whole for row in _message_rows(each)]
        yield from _compare(transaction, messages, ("id",), ids, expected)
        expected = [row for each in whole for row in _recipient_rows(each)]
        yield from _compare(transaction, recipients, ("message",), ids, expected)
    for folded in refold.claims():
        expected = [_claim_row(key, claim) for key, claim in folded if claim is not None]
        forgotten = _forgotten(transaction, [key for key, _ in folded], expected)
        known = [row for row in expected if row[:3] not in forgotten]
        yield from _compare(transaction, claims, KEY, [key for key, _ in folded], known)
    yield from _strangers(transaction)


def _forgotten(transaction: Transaction, keys: Sequence[Row], expected: Sequence[Row]) -> set[Row]:
    """Those of the expected claims that went with a mail forgotten since, which had taken them over from the
    mail that the journal still knows.
    """
    connection, bulk = transaction
    until = connection.execute(select(epoch.c.pruned_until)).scalar() or 0.0
    if not until:
        return set()
    found = {tuple(row[:3]) for row in bulk.select(connection, claims, KEY, keys)}
    missing = {row[3]: row[:3] for row in expected if row[:3] not in found}
    holders = bulk.select(connection, messages, ["id"], [(each,) for each in missing])
    old = {row[0] for row in holders if row[11] <= until}
    return {row[:3] for row in expected if row[3] in old and row[:3] not in found}


def _compare(
    transaction: Transaction,
    table: Table,
    columns: Sequence[str],
    keys: Sequence[Row],
    expected: Sequence[Row],
) -> Iterator[str]:
    """The differences between the rows with these keys and the expected ones."""
    width = len(table.primary_key)
    found = {
        tuple(row[:width]): row
        for row in transaction.bulk.select(transaction.connection, table, columns, keys)
    }
    for row in expected:
        stored = found.pop(tuple(row[:width]), None)
        if stored is None:
            yield f"{_name(table, row)} is in the journal but not in the table"
            continue
        for column, actual, folded in zip(table.columns.keys(), stored, row, strict=True):
            if actual != folded:
                yield f"{_name(table, row)}: {column} is {_shown(actual)} but by the journal {_shown(folded)}"
    for row in found.values():
        yield f"{_name(table, row)} is in the table but not in the journal"


def _strangers(transaction: Transaction) -> Iterator[str]:
    """Rows about which the journal says nothing at all."""
    each = claims.c
    untouched = ~exists().where(
        and_(
            touches.c.tenant == each.tenant,
            touches.c.address == each.address,
            touches.c.identity == each.identity,
        )
    )
    queries = {
        messages: select(messages).where(~exists().where(journal.c.message == messages.c.id)),
        recipients: select(recipients).where(~exists().where(journal.c.message == recipients.c.message)),
        claims: select(claims).where(untouched),
    }
    for table, query in queries.items():
        for row in transaction.connection.execute(query.limit(MOST_DIFFERENCES)):
            yield f"{_name(table, row)} is in the table but not in the journal"


def _name(table: Table, row: Row) -> str:
    place = " / ".join(quoted(str(part)) for part in row[: len(table.primary_key)])
    return f"{table.name.removesuffix('s')} {place}"


def _shown(value: object) -> str:
    return "nothing" if value is None else quoted(str(value))
