"""The store: adapters over one database."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from shared.adapters.sql.access_store import SqlAccessStore
from shared.adapters.sql.calls import CLOSING, DEADLINE
from shared.adapters.sql.engine import Database, parse_url
from shared.adapters.sql.event_store import SqlEventStore
from shared.adapters.sql.fetcher_store import SqlFetcherStore
from shared.adapters.sql.grant_store import SqlGrantStore
from shared.adapters.sql.maintenance_store import SqlMaintenanceStore
from shared.adapters.sql.onboarding_store import SqlOnboardingStore
from shared.adapters.sql.operator_store import SqlOperatorStore
from shared.adapters.sql.registry_store import SqlRegistryStore
from shared.adapters.sql.relay_store import SqlRelayStore
from shared.adapters.sql.router_store import SqlRouterStore
from shared.adapters.sql.runner import TransactionRunner, Transactions
from shared.adapters.sql.schema import check_revision, check_writable
from shared.adapters.sql.secrets import SqlSecretStore
from shared.adapters.sql.sqlite_transactions import SqliteTransactions
from shared.adapters.sql.unit_of_work import Transaction
from shared.adapters.sql.webhook_store import SqlWebhookStore

CONNECTIONS = 4


class SqlStore:
    """The port `Store` on PostgreSQL or SQLite."""

    def __init__(self, transactions: Transactions, database: Database) -> None:
        self._database = database
        self.runner = TransactionRunner(transactions)
        self.fetcher = SqlFetcherStore(self.runner)
        self.router = SqlRouterStore(self.runner)
        self.relay = SqlRelayStore(self.runner)
        self.operator = SqlOperatorStore(self.runner)
        self.registry = SqlRegistryStore(self.runner)
        self.maintenance = SqlMaintenanceStore(self.runner)
        self.secrets = SqlSecretStore(self.runner)
        self.oauth = SqlGrantStore(self.runner)
        self.access = SqlAccessStore(self.runner)
        self.events = SqlEventStore(self.runner)
        self.webhooks = SqlWebhookStore(self.runner)
        self.onboarding = SqlOnboardingStore(self.runner)

    async def check(self, *, writing: bool = False) -> None:
        """Raise `StoreUnavailable` or `SchemaOutdated` where the store cannot be used, or could not be
        written to a moment ago; with `writing`, also where it may only be read.
        """
        await self.runner.read(_check, str(self._database), writing)
        if (failure := self.runner.failure) is not None:
            raise failure

    async def close(self) -> None:
        """Finish what is under way and give the connections back. A database that hangs is left behind."""
        end = time.monotonic() + CLOSING
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await self.runner.drain()
        finally:
            await self.runner.close(max(0.0, end - time.monotonic()))


def open_store(url: str, connections: int = CONNECTIONS, deadline: float = DEADLINE) -> SqlStore:
    """Return the store at `url`; it connects when it is first used, see `SqlStore.check`.

    `connections` bounds the transactions under way at the same time on PostgreSQL. A call without an answer
    after `deadline` seconds raises `StoreUnavailable`. Raises `ConfigurationError`.
    """
    database = parse_url(url)
    if database.url is None:
        return SqlStore(SqliteTransactions(database, deadline), database)
    from shared.adapters.sql.postgres_pool import PostgresTransactions  # noqa: PLC0415 - SQLite does without the driver

    return SqlStore(PostgresTransactions(database, connections, deadline), database)


def _check(transaction: Transaction, database: str, writing: bool) -> None:
    check_revision(transaction.connection, database)
    if writing:
        check_writable(transaction.connection)
