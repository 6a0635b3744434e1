"""How accounts stand, and what is in custody for some of them; see the port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Select, func, select

from shared.adapters.sql.conditions import KEPT, UNBACKED
from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import accounts, messages
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store.standings import AccountSummary, CustodySummary

ACCOUNT = accounts.c
EACH = messages.c
AT_ONCE = 500
"""Accounts in one statement."""


class SqlStandings(Repository):
    """The port's `AccountSummaries`."""

    async def standings(self) -> Sequence[AccountSummary]:
        """Every account that was ever scheduled, in no order."""
        return await self._transactions.read(_standings)

    async def in_custody(self, accounts: Sequence[str]) -> Mapping[str, CustodySummary]:
        """The mails of these accounts that are not done; accounts without any are left out."""
        wanted = [key(each) for each in accounts]
        return await self._transactions.read(lambda transaction: _in_custody(transaction, wanted))

    async def lost_total(self) -> int:
        """How many mails left their source before they were done, with no copy held."""
        query = select(func.count()).where(UNBACKED, EACH.gone, EACH.blob.is_(None))
        return await self._transactions.read(
            lambda transaction: transaction.connection.execute(query).scalar_one()
        )


def _standings(transaction: Transaction) -> list[AccountSummary]:
    allow_scans(transaction.connection)
    query = select(
        ACCOUNT.id,
        ACCOUNT.enabled,
        ACCOUNT.paused,
        ACCOUNT.failures > 0,
        ACCOUNT.problem.is_not(None),
        ACCOUNT.lease_until,
        ACCOUNT.due_at,
        ACCOUNT.visited_at,
        ACCOUNT.succeeded_at,
    )
    return [AccountSummary(*row) for row in transaction.connection.execute(query)]


def _in_custody(transaction: Transaction, wanted: Sequence[str]) -> dict[str, CustodySummary]:
    at_source: Counter[str] = Counter()
    here: Counter[str] = Counter()
    for some in _parts(wanted):
        kept = _counted(some).where(KEPT, EACH.settled_at.is_(None), ~EACH.unbacked)
        blobs_alone = _counted(some).where(UNBACKED, EACH.blob.is_not(None))
        for query, counts in ((kept, at_source), (blobs_alone, here)):
            for account, number in transaction.connection.execute(query):
                counts[account] = number
    return {each: CustodySummary(at_source[each], here[each]) for each in {*at_source, *here}}


def _counted(some: Sequence[str]) -> Select[str, int]:
    return select(EACH.account, func.count()).where(EACH.account.in_(some)).group_by(EACH.account)


def _parts(wanted: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(wanted), AT_ONCE):
        yield wanted[start : start + AT_ONCE]
