"""Which notices about parked mail were sent, and what there is to tell."""

from __future__ import annotations

from sqlalchemy import func, select, update

from shared.adapters.sql.searches import listed_parked, parked_places
from shared.adapters.sql.tables import messages, notices, recipients
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import Parked

NOTICE = notices.c
PARKED_AT = recipients.c.parked_at


def notice_times(transaction: Transaction) -> dict[str, float]:
    """Return up to which moment each notice, by its name, has listed what was parked."""
    query = select(NOTICE.name, NOTICE.until)
    return {row.name: row.until for row in transaction.connection.execute(query)}


def claim_notice(transaction: Transaction, name: str, known: float | None, until: float) -> bool:
    """Record that the notice has listed what was parked up to `until`; False where another was faster."""
    connection = transaction.connection
    name = key(name)
    if known is None:
        held = connection.execute(select(NOTICE.name).where(NOTICE.name == name)).first()
        if held is not None:
            return False
        transaction.bulk.insert_absent(connection, notices, ("name", "until"), [(name, until)])
        stored = connection.execute(select(NOTICE.until).where(NOTICE.name == name)).scalar_one()
        return bool(stored == until)
    changed = connection.execute(
        update(notices).where(NOTICE.name == name, NOTICE.until == known).values(until=until)
    )
    return changed.rowcount == 1


def parked_tenants(transaction: Transaction) -> dict[str, float]:
    """Return when the latest of each tenant's parked recipients was parked."""
    query = (
        select(messages.c.tenant, func.max(PARKED_AT).label("latest"))
        .join(messages, messages.c.id == recipients.c.message)
        .where(PARKED_AT.is_not(None))
        .group_by(messages.c.tenant)
    )
    return {row.tenant: row.latest for row in transaction.connection.execute(query)}


def parked_between(
    transaction: Transaction, after: float, until: float, limit: int, tenant: str | None
) -> list[Parked]:
    """Return recipients of one tenant, or of all, that were parked in this time; the oldest first."""
    query = (
        parked_places().where(recipients.c.parked_at > after, recipients.c.parked_at <= until).limit(limit)
    )
    if tenant is not None:
        query = query.join(messages, messages.c.id == recipients.c.message).where(messages.c.tenant == tenant)
    return listed_parked(transaction, query)
