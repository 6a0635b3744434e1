"""Opens the store and the blobs for a command that only looks or decides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.adapters.sql import open_store
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore, OperatorStore
from shared.runtime.blobs import open_blobs


@dataclass(frozen=True, slots=True)
class OperatorContext:
    """What an operator works with."""

    store: OperatorStore
    maintenance: MaintenanceStore
    blobs: Blobs
    clock: Clock


@asynccontextmanager
async def operator_context(configuration: Configuration) -> AsyncIterator[OperatorContext]:
    """Store and blobs of a configuration. Raises `StoreUnavailable` and `SchemaOutdated`."""
    store = open_store(configuration.store.url.get_secret_value(), deadline=configuration.store.deadline)
    try:
        await store.check()
        yield OperatorContext(
            store.operator, store.maintenance, open_blobs(configuration.blobs), SystemClock()
        )
    finally:
        await store.close()
