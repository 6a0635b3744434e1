"""What operators ask about mails, and what they do with parked ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, func, select, union

from shared.adapters.sql.calls import MAINTENANCE, allowing
from shared.adapters.sql.conditions import KEPT, NAMED
from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.parking import discard, retry
from shared.adapters.sql.repository import Repository
from shared.adapters.sql.rows import entry_of
from shared.adapters.sql.tables import journal, messages, recipients, suppressions
from shared.adapters.sql.text import key, searchable
from shared.adapters.sql.unit_of_work import Transaction, load_messages
from shared.adapters.sql.verification import rebuild, verify
from shared.contract.journal import Entry
from shared.custody.state import Message
from shared.model.message import MessageStatus
from shared.ports.store import Parked

PAGE = 1000


class SqlOperatorQueries(Repository):
    """The port's `Archive`."""

    async def find(self, text: str, limit: int) -> Sequence[Message]:
        """Messages by id, Message-ID, UID, or recipient by address or destination, newest first."""
        return await self._transactions.read(lambda transaction: _find(transaction, text, limit))

    async def story(self, message: str) -> Sequence[Entry]:
        """The journal of one message, in order."""
        query = select(journal.c.body).where(journal.c.message == key(message)).order_by(journal.c.seq)
        return await self._transactions.read(
            lambda transaction: [entry_of(body) for body in transaction.connection.execute(query).scalars()]
        )

    async def parked(self, limit: int = PAGE) -> Sequence[Parked]:
        """Parked recipients, oldest first."""
        return await self._transactions.read(lambda transaction: _parked(transaction, limit))

    async def parked_totals(self) -> tuple[int, int]:
        """How many recipients are parked, and how many octets of mail are kept for them."""
        return await self._transactions.read(_parked_totals)

    async def retry_parked(
        self, message: str, addresses: Sequence[str], destination: str | None, target: str | None, now: float
    ) -> Sequence[str]:
        """Open parked recipients (all when `addresses` is empty) again; returns the addresses changed.

        Unless they are to be served elsewhere, one who got an identical mail is suppressed, and one to whom
        an identical mail is on its way stays parked.
        """
        elsewhere = key(destination) if destination else None
        return await self._write_counting(retry, message, addresses, elsewhere, target, now)

    async def discard_parked(self, message: str, addresses: Sequence[str], now: float) -> Sequence[str]:
        """Give parked recipients (all when `addresses` is empty) up; returns the addresses changed."""
        return await self._transactions.write(discard, message, addresses, now)

    async def message_counts(self) -> Mapping[tuple[str, MessageStatus], int]:
        """How many messages there are by account and status, those gone left out."""
        return await self._transactions.read(_counts)

    async def suppressed_counts(self, since: float = 0.0) -> Mapping[str, int]:
        """How many recipients had a mail already, by account, since then, of mails that are remembered."""
        return await self._transactions.read(lambda transaction: _suppressed_counts(transaction, since))

    async def entries(self, after: int = 0) -> Sequence[tuple[int, Entry]]:
        """The next entries of the journal, a page of them."""
        page = (
            select(journal.c.seq, journal.c.body)
            .where(journal.c.seq > after)
            .order_by(journal.c.seq)
            .limit(PAGE)
        )
        return await self._transactions.read(
            lambda transaction: [(seq, entry_of(body)) for seq, body in transaction.connection.execute(page)]
        )

    async def verify(self) -> Sequence[str]:
        """Fold the journal and compare with the state tables; the differences as sentences, none when they
        agree.
        """
        with allowing(MAINTENANCE):
            return await self._transactions.read(verify)

    async def rebuild(self) -> int:
        """Make the state tables again from the journal; returns the number of messages."""
        with allowing(MAINTENANCE):
            return await self._transactions.write(rebuild)


def _find(transaction: Transaction, text: str, limit: int) -> list[Message]:
    """Ids are in the order of time, so that each index gives its newest without looking at the rest."""
    wanted = key(text.strip())
    bare = searchable(text.strip().removeprefix("<").removesuffix(">"))
    by_message = messages.c.id
    found = union(
        *(
            select(query.limit(limit).subquery().c[0])
            for query in (
                select(by_message).where(by_message == wanted),
                select(by_message)
                .where(NAMED, messages.c.message_id.in_([bare, f"<{bare}>"]))
                .order_by(by_message.desc()),
                select(by_message).where(messages.c.uid == wanted).order_by(by_message.desc()),
                _by_recipient().where(recipients.c.address == wanted),
                _by_recipient().where(
                    recipients.c.destination == wanted, recipients.c.destination != recipients.c.address
                ),
            )
        )
    )
    ids = transaction.connection.execute(found).scalars().all()
    newest = sorted(
        load_messages(transaction, ids), key=lambda each: (each.first_fetched_at, each.id), reverse=True
    )
    return newest[:limit]


def _by_recipient() -> Select[str]:
    return select(recipients.c.message).order_by(recipients.c.message.desc())


def _parked(transaction: Transaction, limit: int) -> list[Parked]:
    query = (
        select(recipients.c.message, recipients.c.address)
        .where(recipients.c.parked_at.is_not(None))
        .order_by(recipients.c.parked_at, recipients.c.message, recipients.c.address)
        .limit(limit)
    )
    places = transaction.connection.execute(query).all()
    found = {message.id: message for message in load_messages(transaction, [place[0] for place in places])}
    listed = [(found[message], found[message].recipients[address]) for message, address in places]
    return [Parked(message, each, each.parked_at) for message, each in listed if each.parked_at is not None]


def _suppressed_counts(transaction: Transaction, since: float) -> dict[str, int]:
    allow_scans(transaction.connection)
    each = suppressions.c
    query = select(each.account, func.count()).where(each.at >= since).group_by(each.account)
    return {row[0]: row[1] for row in transaction.connection.execute(query)}


def _counts(transaction: Transaction) -> dict[tuple[str, MessageStatus], int]:
    allow_scans(transaction.connection)
    query = (
        select(messages.c.account, messages.c.status, func.count())
        .where(KEPT)
        .group_by(messages.c.account, messages.c.status)
    )
    return {
        (account, MessageStatus(status)): n for account, status, n in transaction.connection.execute(query)
    }


def _parked_totals(transaction: Transaction) -> tuple[int, int]:
    of_parked = select(recipients.c.message).where(recipients.c.parked_at.is_not(None))
    kept = select(func.coalesce(func.sum(messages.c.octets), 0)).where(messages.c.id.in_(of_parked))
    count = select(func.count()).select_from(of_parked.subquery())
    connection = transaction.connection
    return int(connection.execute(count).scalar_one()), int(connection.execute(kept).scalar_one())
