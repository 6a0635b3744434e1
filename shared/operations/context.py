"""What the operations work with: the configuration, the store and the blobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.adapters.sql import open_store
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import GrantStore, MaintenanceStore, OperatorStore
from shared.runtime.blobs import open_blobs


@dataclass(frozen=True, slots=True)
class OperatorContext:
    """What an operation may use."""

    configuration: Configuration
    store: OperatorStore
    maintenance: MaintenanceStore
    blobs: Blobs
    clock: Clock
    grants: GrantStore | None = None


@asynccontextmanager
async def open_context(configuration: Configuration) -> AsyncIterator[OperatorContext]:
    """Open the store and the blobs of a configuration. Raises `StoreUnavailable` and `SchemaOutdated`."""
    store = open_store(configuration.store.url.get_secret_value(), deadline=configuration.store.deadline)
    try:
        await store.check()
        blobs = open_blobs(configuration.blobs)
        yield OperatorContext(
            configuration, store.operator, store.maintenance, blobs, SystemClock(), store.oauth
        )
    finally:
        await store.close()
