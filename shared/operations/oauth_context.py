"""What the operations on OAuth work with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.adapters.sql import open_store
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.ports.clock import Clock
from shared.ports.tokens import NO_GRANTS, GrantTokens
from shared.runtime.oauth.opening import OAuth, open_oauth
from shared.runtime.secret_box import open_secret_box


@dataclass(frozen=True, slots=True)
class OAuthContext:
    """What an operation on OAuth may use."""

    configuration: Configuration
    oauth: OAuth
    clock: Clock


@asynccontextmanager
async def operator_grants(configuration: Configuration) -> AsyncIterator[GrantTokens]:
    """Open the tokens that accounts and targets log in by; nothing is opened where none does so."""
    if not configuration.grants:
        yield NO_GRANTS
        return
    async with open_oauth_context(configuration) as context:
        yield context.oauth.tokens


@asynccontextmanager
async def open_oauth_context(configuration: Configuration) -> AsyncIterator[OAuthContext]:
    """Open the store and the key for secrets. Raises `StoreUnavailable` and `ConfigurationError`."""
    store = open_store(configuration.store.url.get_secret_value(), deadline=configuration.store.deadline)
    clock = SystemClock()
    try:
        await store.check()
        box = await open_secret_box(configuration, store.secrets)
        async with open_oauth(configuration, store, box, clock) as oauth:
            yield OAuthContext(configuration, oauth, clock)
    finally:
        await store.close()
