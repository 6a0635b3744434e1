"""What operators look for: ids of messages, their journal, counts, and parked recipients."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, exists, func, select

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.journal_batches import bodies_of, journals_of
from shared.adapters.sql.rows import entry_of
from shared.adapters.sql.tables import journal, messages, recipients, suppressions
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction, load_messages
from shared.contract.journal import Entry
from shared.ports.store import Parked

PAGE = 1000
"""Entries of the journal that are read at a time, and up to one row more."""
MESSAGE = messages.c
RECIPIENT = recipients.c


def message_ids(transaction: Transaction, beginning: str, limit: int) -> list[str]:
    """Return the first ids of messages that begin so, in their order."""
    wanted = key(beginning)
    # All ids are in ASCII, and compared by their octets.
    query = select(MESSAGE.id).where(MESSAGE.id >= wanted, MESSAGE.id < wanted + "\x7f")
    return list(transaction.connection.execute(query.order_by(MESSAGE.id).limit(limit)).scalars())


def message_journal(transaction: Transaction, message: str) -> list[Entry]:
    """Return the journal of one message, in order."""
    wanted = key(message)
    return [entry_of(body) for _, body in journals_of(transaction, [wanted]).get(wanted, ())]


def journal_page(transaction: Transaction, after: int) -> list[tuple[int, Entry]]:
    """Return the next entries of the journal with the numbers of their rows; all entries of each row."""
    query = select(journal.c.seq, journal.c.message, journal.c.body).where(journal.c.seq > after)
    page: list[tuple[int, Entry]] = []
    for seq, message, body in transaction.connection.execute(query.order_by(journal.c.seq).limit(PAGE)):
        page += [(seq, entry_of(each)) for _, each in bodies_of(seq, message, body)]
        if len(page) >= PAGE:
            break
    return page


def suppressed_counts(transaction: Transaction, since: float) -> dict[str, int]:
    """Return how many recipients were suppressed since then, by account."""
    allow_scans(transaction.connection)
    each = suppressions.c
    query = (
        select(each.account, func.count().label("suppressed")).where(each.at >= since).group_by(each.account)
    )
    return {row.account: row.suppressed for row in transaction.connection.execute(query)}


def parked_recipients(transaction: Transaction, limit: int, tenant: str | None = None) -> list[Parked]:
    """Return parked recipients, oldest first; of one tenant, or of all."""
    places = parked_places()
    if tenant is not None:
        places = places.where(_is_of(tenant))
    return listed_parked(transaction, places.limit(limit))


def _is_of(tenant: str) -> ColumnElement[bool]:
    """Whether a recipient's mail is of the tenant."""
    return exists().where(MESSAGE.id == RECIPIENT.message, MESSAGE.tenant == tenant)


def parked_places() -> Select[str, str]:
    """Select message and address of parked recipients, oldest first."""
    return (
        select(RECIPIENT.message, RECIPIENT.address)
        .where(RECIPIENT.parked_at.is_not(None))
        .order_by(RECIPIENT.parked_at, RECIPIENT.message, RECIPIENT.address)
    )


def listed_parked(transaction: Transaction, query: Select[str, str]) -> list[Parked]:
    """Return the parked recipients that `query` selects, see `parked_places`."""
    places = transaction.connection.execute(query).all()
    found = {each.id: each for each in load_messages(transaction, {message for message, _ in places})}
    listed = [(found[message], found[message].recipients[address]) for message, address in places]
    return [Parked(message, each, each.parked_at) for message, each in listed if each.parked_at is not None]


def parked_totals(transaction: Transaction) -> tuple[int, int]:
    """Return how many recipients are parked, and how many octets of mail are kept for them."""
    of_parked = select(RECIPIENT.message).where(RECIPIENT.parked_at.is_not(None))
    kept = select(func.coalesce(func.sum(MESSAGE.octets), 0)).where(MESSAGE.id.in_(of_parked))
    count = select(func.count()).select_from(of_parked.subquery())
    connection = transaction.connection
    return int(connection.execute(count).scalar_one()), int(connection.execute(kept).scalar_one())
