"""What operators look for: messages, their journal, counts, and parked recipients."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, exists, func, select, union

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.rows import entry_of
from shared.adapters.sql.tables import NAMED, journal, messages, recipients, suppressions
from shared.adapters.sql.text import key, searchable
from shared.adapters.sql.unit_of_work import Transaction, load_messages
from shared.contract.journal import Entry
from shared.custody.state import Message
from shared.model.mailbox import written_uids
from shared.ports.store import Parked

PAGE = 1000
"""Entries of the journal that are read at a time."""
MESSAGE = messages.c
RECIPIENT = recipients.c


def find_messages(
    transaction: Transaction, text: str, limit: int, tenant: str | None = None
) -> list[Message]:
    """Return messages by id, Message-ID, UID, or recipient (address or destination), newest first.

    Ids are in the order of time, so each index yields its newest without a look at the rest.
    """
    wanted = key(text.strip())
    bare = searchable(text.strip().removeprefix("<").removesuffix(">"))
    of_message = select(MESSAGE.id).order_by(MESSAGE.id.desc())
    of_recipient = select(RECIPIENT.message).order_by(RECIPIENT.message.desc())
    by_id = select(MESSAGE.id)
    if tenant is not None:
        of_message = of_message.where(MESSAGE.tenant == tenant)
        of_recipient = of_recipient.where(_is_of(tenant))
        by_id = by_id.where(MESSAGE.tenant == tenant)
    found = union(
        *(
            select(query.limit(limit).subquery().c[0])
            for query in (
                by_id.where(MESSAGE.id == wanted),
                of_message.where(NAMED, MESSAGE.message_id.in_([bare, f"<{bare}>"])),
                *(of_message.where(MESSAGE.uid == key(uid)) for uid in written_uids(text.strip())),
                of_recipient.where(RECIPIENT.address == wanted),
                of_recipient.where(
                    RECIPIENT.destination == wanted, RECIPIENT.destination != RECIPIENT.address
                ),
            )
        )
    )
    ids = transaction.connection.execute(found).scalars().all()
    newest = sorted(
        load_messages(transaction, ids), key=lambda each: (each.first_fetched_at, each.id), reverse=True
    )
    return newest[:limit]


def message_ids(transaction: Transaction, beginning: str, limit: int) -> list[str]:
    """Return the first ids of messages that begin so, in their order."""
    wanted = key(beginning)
    # All ids are in ASCII, and compared by their octets.
    query = select(MESSAGE.id).where(MESSAGE.id >= wanted, MESSAGE.id < wanted + "\x7f")
    return list(transaction.connection.execute(query.order_by(MESSAGE.id).limit(limit)).scalars())


def message_journal(transaction: Transaction, message: str) -> list[Entry]:
    """Return the journal of one message, in order."""
    query = select(journal.c.body).where(journal.c.message == key(message)).order_by(journal.c.seq)
    return [entry_of(body) for body in transaction.connection.execute(query).scalars()]


def journal_page(transaction: Transaction, after: int) -> list[tuple[int, Entry]]:
    """Return the next entries of the journal with their numbers."""
    page = (
        select(journal.c.seq, journal.c.body).where(journal.c.seq > after).order_by(journal.c.seq).limit(PAGE)
    )
    return [(seq, entry_of(body)) for seq, body in transaction.connection.execute(page)]


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
