"""Which notices were sent, and what there is to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select, update

from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import messages, notices, recipients
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction, load_messages
from shared.ports.store import Parked


class SqlNotices(Repository):
    """The port's `Notices`."""

    async def notices(self) -> Mapping[str, float]:
        """Up to which moment each notice has told."""
        return await self._transactions.read(_notices)

    async def claim_notice(self, name: str, known: float | None, until: float) -> bool:
        """The notice has told up to `until`, unless it had not told up to `known`."""
        return await self._transactions.write(_claim, key(name), known, until)

    async def parked_tenants(self) -> Mapping[str, float]:
        """When the latest of each tenant's parked recipients was parked."""
        return await self._transactions.read(_tenants)

    async def parked_between(
        self, after: float, until: float, limit: int, tenant: str | None = None
    ) -> Sequence[Parked]:
        """Those parked in this time, the oldest first."""
        return await self._transactions.read(
            lambda transaction: _between(transaction, after, until, limit, tenant)
        )


def _notices(transaction: Transaction) -> dict[str, float]:
    return {row.name: row.until for row in transaction.connection.execute(select(notices))}


def _claim(transaction: Transaction, name: str, known: float | None, until: float) -> bool:
    connection = transaction.connection
    if known is None:
        held = connection.execute(select(notices.c.name).where(notices.c.name == name)).first()
        if held is not None:
            return False
        transaction.bulk.insert_absent(connection, notices, [(name, until)])
        stored = connection.execute(select(notices.c.until).where(notices.c.name == name)).scalar_one()
        return bool(stored == until)
    changed = connection.execute(
        update(notices).where(notices.c.name == name, notices.c.until == known).values(until=until)
    )
    return changed.rowcount == 1


def _tenants(transaction: Transaction) -> dict[str, float]:
    query = (
        select(messages.c.tenant, func.max(recipients.c.parked_at))
        .join(messages, messages.c.id == recipients.c.message)
        .where(recipients.c.parked_at.is_not(None))
        .group_by(messages.c.tenant)
    )
    return {row[0]: row[1] for row in transaction.connection.execute(query)}


def _between(
    transaction: Transaction, after: float, until: float, limit: int, tenant: str | None
) -> list[Parked]:
    at = recipients.c.parked_at
    query = (
        select(recipients.c.message, recipients.c.address)
        .where(at.is_not(None), at > after, at <= until)
        .order_by(at, recipients.c.message, recipients.c.address)
        .limit(limit)
    )
    if tenant is not None:
        query = query.join(messages, messages.c.id == recipients.c.message).where(messages.c.tenant == tenant)
    places = transaction.connection.execute(query).all()
    found = {each.id: each for each in load_messages(transaction, [place[0] for place in places])}
    listed = [(found[message], found[message].recipients[address]) for message, address in places]
    return [Parked(message, each, each.parked_at) for message, each in listed if each.parked_at is not None]
