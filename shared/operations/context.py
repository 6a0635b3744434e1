"""What the operations work with: the configuration, the store and the blobs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.adapters.sql import open_store, upgrade
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.operations.recent import RecentAnswers
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import (
    AccessStore,
    EventStore,
    GrantStore,
    MaintenanceStore,
    OnboardingStore,
    OperatorStore,
    SecretStore,
    Store,
    WebhookStore,
)
from shared.runtime.blobs import open_blobs
from shared.runtime.oauth.opening import OAuth, open_oauth
from shared.runtime.registry import Registry
from shared.runtime.secret_box import KeyedBox
from shared.runtime.secret_keys import key_ring, open_key_ring


@dataclass(frozen=True, slots=True)
class OperatorContext:
    """What an operation may use."""

    configuration: Configuration
    store: OperatorStore
    maintenance: MaintenanceStore
    blobs: Blobs
    clock: Clock
    secrets: SecretStore
    registry: Registry
    access: AccessStore
    webhooks: WebhookStore
    events: EventStore
    onboarding: OnboardingStore
    oauth: OAuth
    grants: GrantStore | None = None
    recent: RecentAnswers = field(default_factory=RecentAnswers, compare=False)


def context_of(
    configuration: Configuration, store: Store, blobs: Blobs, clock: Clock, registry: Registry, oauth: OAuth
) -> OperatorContext:
    """Return what the operations work with, on these ports."""
    return OperatorContext(
        configuration,
        store.operator,
        store.maintenance,
        blobs,
        clock,
        store.secrets,
        registry,
        store.access,
        store.webhooks,
        store.events,
        store.onboarding,
        oauth,
        store.oauth,
    )


@asynccontextmanager
async def open_context(
    configuration: Configuration, *, seals: bool = False
) -> AsyncIterator[OperatorContext]:
    """Open the store and the blobs of a configuration. The keys of secrets are read when they are needed.

    With `seals` secrets are to be written: SQLite is brought up to date and gets its key first. Raises
    `StoreUnavailable`, `SchemaOutdated`, and with `seals` `KeysUnusable`.
    """
    if seals and configuration.store.sqlite_path is not None:
        upgrade(configuration.store.url.get_secret_value())
    store = open_store(configuration.store.url.get_secret_value(), deadline=configuration.store.deadline)
    try:
        await store.check()
        if seals:
            await open_key_ring(configuration.secrets, store.secrets.key_counts)
        blobs = open_blobs(configuration.blobs)
        clock, box = SystemClock(), KeyedBox(key_ring(configuration.secrets))
        registry = Registry(store.registry, box, clock, os.environ, configuration.hosts)
        async with open_oauth(configuration, store, box, clock) as oauth:
            yield context_of(configuration, store, blobs, clock, registry, oauth)
    finally:
        await store.close()
