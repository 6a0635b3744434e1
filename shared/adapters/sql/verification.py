"""The state tables are compared with the journal, or made anew from it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice

from sqlalchemy import Table, and_, delete, exists, func, select, text

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.refold import Folded, Refold, batched, touches
from shared.adapters.sql.rows import (
    BATCHES,
    CLAIM,
    CLAIM_KEY,
    MESSAGE,
    OBJECT_ID,
    RECIPIENT,
    claim_of,
    claim_row,
    message_row,
    object_id_row,
    recipient_row,
)
from shared.adapters.sql.schema import check_own_revision
from shared.adapters.sql.tables import claims, epoch, journal, messages, recipients
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.state import Claim, ClaimKey
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.progress import Progress, no_progress

MOST_DIFFERENCES = 1000
BESIDE = (*OBJECT_ID, *BATCHES)
"""What `MESSAGE` does not have of a message."""


class Unfoldable(MailferryError):
    """The journal holds what this Mailferry cannot fold into a state. Nothing was changed."""

    temporary = False
    fault = Fault.STORE


def verify(transaction: Transaction) -> list[str]:
    """Return the differences between tables and journal as sentences, up to a thousand."""
    refold = Refold(transaction)
    with closing(_differences(transaction, refold)) as differences:
        found = list(islice(differences, MOST_DIFFERENCES))
    refold.end()
    return found


def rebuild(transaction: Transaction, progress: Progress = no_progress) -> int:
    """Replace the state tables by what the journal says; return the number of messages.

    `progress` compares with the number of messages that the tables had, which may be a little wrong.

    Raises `Unfoldable`, and `SchemaOutdated` on the schema of another release.
    """
    connection, bulk = transaction
    check_own_revision(connection, "the database")
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE messages, recipients, claims, journal IN EXCLUSIVE MODE"))
    expected = connection.execute(select(func.count()).select_from(messages)).scalar_one()
    for table in (messages, recipients, claims):
        connection.execute(delete(table))
    refold = Refold(transaction)
    count = 0
    for some in refold.messages():
        bulk.insert(connection, messages, MESSAGE, [row for each in some for row in _message_rows(each)])
        bulk.update(connection, messages, BESIDE, [row for each in some for row in _rows_beside(each)])
        rows = [row for each in some for row in _recipient_rows(each)]
        bulk.insert(connection, recipients, RECIPIENT, rows)
        count += len(some)
        progress("Mails made anew", count, max(count, expected))
    known = 0
    for folded in refold.claims():
        bulk.insert(connection, claims, CLAIM, _claim_rows(folded))
        known += len(folded)
        progress("Claims made anew", known, 0)
    refold.end()
    return count


def _message_rows(folded: Folded) -> list[Row]:
    if folded.message is None:
        raise Unfoldable(folded.problem)
    return [message_row(folded.message)]


def _rows_beside(folded: Folded) -> list[Row]:
    """The columns `BESIDE`."""
    if folded.message is None:
        return []
    return [(*object_id_row(folded.message), "".join(f"{number} " for number in folded.batches))]


def _recipient_rows(folded: Folded) -> list[Row]:
    message = folded.message
    return [recipient_row(message, each) for each in message.recipients.values()] if message else []


def _claim_rows(folded: Sequence[tuple[ClaimKey, Claim | None]]) -> list[Row]:
    return [claim_row(key, claim) for key, claim in folded if claim is not None]


def _differences(transaction: Transaction, refold: Refold) -> Generator[str]:
    for some in refold.messages():
        yield from (each.problem for each in some if each.message is None)
        whole = [each for each in some if each.message is not None]
        ids = [(each.id,) for each in whole]
        expected = [row for each in whole for row in _message_rows(each)]
        yield from _compare(transaction, messages, MESSAGE, ("id",), ids, expected)
        expected = [row for each in whole for row in _rows_beside(each)]
        yield from _compare(transaction, messages, BESIDE, ("id",), ids, expected)
        expected = [row for each in whole for row in _recipient_rows(each)]
        yield from _compare(transaction, recipients, RECIPIENT, ("message",), ids, expected)
    for folded in refold.claims():
        keys = [key for key, _ in folded]
        forgotten = _forgotten_claims(transaction, {key: claim for key, claim in folded if claim is not None})
        expected = _claim_rows([each for each in folded if each[0] not in forgotten])
        yield from _compare(transaction, claims, CLAIM, CLAIM_KEY, keys, expected)
    yield from _rows_without_journal(transaction)


def _forgotten_claims(transaction: Transaction, expected: Mapping[ClaimKey, Claim]) -> set[ClaimKey]:
    """Those of the expected claims that were pruned with another mail.

    That mail had taken them over from the one that the journal still knows.
    """
    connection, bulk = transaction
    until = connection.execute(select(epoch.c.pruned_until)).scalar() or 0.0
    if not until:
        return set()
    found = {
        claim_of(row)[0] for row in bulk.select(connection, claims, CLAIM_KEY, list(expected), fields=CLAIM)
    }
    missing = {key: claim.holder for key, claim in expected.items() if key not in found}
    holders = [(holder,) for holder in set(missing.values())]
    fetched = bulk.select(connection, messages, ["id"], holders, fields=("id", "first_fetched_at"))
    old = {message for message, first_fetched_at in fetched if first_fetched_at <= until}
    return {key for key, holder in missing.items() if holder in old}


def _compare(
    transaction: Transaction,
    table: Table,
    fields: Sequence[str],
    columns: Sequence[str],
    keys: Sequence[Row],
    expected: Sequence[Row],
) -> Iterator[str]:
    """The differences between the rows where `columns` have one of `keys` and the expected rows.

    Rows hold `fields`, which begin with the primary key.
    """
    width = len(table.primary_key)
    rows = transaction.bulk.select(transaction.connection, table, columns, keys, fields=fields)
    found = {tuple(row[:width]): row for row in rows}
    for row in expected:
        stored = found.pop(tuple(row[:width]), None)
        if stored is None:
            yield f"{_name(table, row)} is in the journal but not in the table"
            continue
        for column, actual, folded in zip(fields, stored, row, strict=True):
            if actual != folded:
                yield f"{_name(table, row)}: {column} is {_shown(actual)} but by the journal {_shown(folded)}"
    for row in found.values():
        yield f"{_name(table, row)} is in the table but not in the journal"


def _rows_without_journal(transaction: Transaction) -> Iterator[str]:
    """Rows about which the journal says nothing at all."""
    each = claims.c
    untouched = ~exists().where(
        and_(
            touches.c.tenant == each.tenant,
            touches.c.address == each.address,
            touches.c.identity == each.identity,
        )
    )
    known = [journal.c.message, batched.c.message]
    queries = {
        messages: select(messages.c.id).where(*(~exists().where(name == messages.c.id) for name in known)),
        recipients: select(recipients.c.message, recipients.c.address).where(
            *(~exists().where(name == recipients.c.message) for name in known)
        ),
        claims: select(each.tenant, each.address, each.identity).where(untouched),
    }
    for table, query in queries.items():
        for row in transaction.connection.execute(query.limit(MOST_DIFFERENCES)):
            yield f"{_name(table, row)} is in the table but not in the journal"


def _name(table: Table, row: Row) -> str:
    place = " / ".join(quoted(str(part)) for part in row[: len(table.primary_key)])
    return f"{table.name.removesuffix('s')} {place}"


def _shown(value: object) -> str:
    return "nothing" if value is None else quoted(str(value))
