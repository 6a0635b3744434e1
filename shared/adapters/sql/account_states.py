"""The state of accounts, and what of it the services ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from shared.adapters.sql.account_pages import OF_STATE, portions, state_of_row
from shared.adapters.sql.tables import READY, accounts
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import AccountState

ACCOUNT = accounts.c


def account_states(transaction: Transaction, *, unread: bool = False) -> list[AccountState]:
    """Return all accounts that have a schedule, by name; or those of which mails could not be read."""
    query = select(*OF_STATE).order_by(ACCOUNT.id)
    if unread:
        query = query.where(ACCOUNT.setbacks.is_not(None))
    return [state_of_row(dict(row)) for row in transaction.connection.execute(query).mappings()]


def paused_among(transaction: Transaction, names: Sequence[str]) -> Sequence[str]:
    """Return those of the accounts that are paused."""
    query = select(ACCOUNT.id).where(ACCOUNT.id.in_(list(names)), ACCOUNT.paused)
    return transaction.connection.execute(query).scalars().all()


def fences_of(transaction: Transaction, names: Sequence[str]) -> Mapping[str, int]:
    """Return the number of the last lease of each of the accounts that is neither paused nor disabled."""
    fences: dict[str, int] = {}
    for some in portions(names):
        query = select(ACCOUNT.id, ACCOUNT.fence).where(ACCOUNT.id.in_(some), READY)
        fences |= {row.id: row.fence for row in transaction.connection.execute(query)}
    return fences
