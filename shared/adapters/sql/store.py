"""The store: its parts put together over one database."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from shared.adapters.sql.blob_retention import SqlBlobRetention
from shared.adapters.sql.calls import CLOSING, DEADLINE
from shared.adapters.sql.catch_alls import SqlCatchAlls
from shared.adapters.sql.deliveries import SqlDeliveries
from shared.adapters.sql.engine import Database, parse_url
from shared.adapters.sql.epochs import SqlEpochs
from shared.adapters.sql.leases import SqlLeases
from shared.adapters.sql.ledger import SqlLedger
from shared.adapters.sql.notices import SqlNotices
from shared.adapters.sql.operator_queries import SqlOperatorQueries
from shared.adapters.sql.outages import SqlOutages
from shared.adapters.sql.pauses import SqlPauses
from shared.adapters.sql.pruning import SqlPruning
from shared.adapters.sql.recovery import SqlRecovery
from shared.adapters.sql.repository import Transactions
from shared.adapters.sql.routings import SqlRoutings
from shared.adapters.sql.schema import check_revision, check_writable
from shared.adapters.sql.sqlite_transactions import SqliteTransactions
from shared.adapters.sql.standings import SqlStandings
from shared.adapters.sql.target_facts import SqlTargetFacts
from shared.adapters.sql.targets import SqlTargets
from shared.adapters.sql.unit_of_work import Transaction
from shared.adapters.sql.write_monitor import WriteMonitor

CONNECTIONS = 4


class SqlStore(
    SqlLeases,
    SqlPauses,
    SqlLedger,
    SqlRoutings,
    SqlDeliveries,
    SqlRecovery,
    SqlEpochs,
    SqlPruning,
    SqlOutages,
    SqlBlobRetention,
    SqlNotices,
    SqlOperatorQueries,
    SqlTargets,
    SqlCatchAlls,
    SqlTargetFacts,
    SqlStandings,
):
    """The port's `Store` on PostgreSQL or SQLite."""

    def __init__(self, transactions: Transactions, database: Database) -> None:
        self._noticing = WriteMonitor(transactions)
        super().__init__(self._noticing)
        self._database = database

    async def check(self, *, writing: bool = False) -> None:
        """Raises `StoreUnavailable` or `SchemaOutdated` where the store cannot be used, or could not be
        written to just now; with `writing` also where it may only be read.
        """
        await self._transactions.read(lambda transaction: self._check(transaction, writing=writing))
        if (failure := self._noticing.failure) is not None:
            raise failure

    def _check(self, transaction: Transaction, *, writing: bool) -> None:
        check_revision(transaction.connection, str(self._database))
        if writing:
            check_writable(transaction.connection)

    async def close(self) -> None:
        """Finish what is under way and give the connections back. A database that hangs is left behind."""
        end = time.monotonic() + CLOSING
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await self.drain()
        finally:
            await self._transactions.close(max(0.0, end - time.monotonic()))


def open_store(url: str, connections: int = CONNECTIONS, deadline: float = DEADLINE) -> SqlStore:
    """The store at `url`; it connects when it is first used, see `SqlStore.check`.

    `connections` bounds the transactions under way at the same time on PostgreSQL. A call that has no answer
    after `deadline` seconds raises `StoreUnavailable`. Raises `ConfigurationError`.
    """
    database = parse_url(url)
    if database.url is None:
        return SqlStore(SqliteTransactions(database, deadline), database)
    from shared.adapters.sql.postgres_pool import PostgresTransactions  # noqa: PLC0415 - SQLite does without the driver

    return SqlStore(PostgresTransactions(database, connections, deadline), database)
