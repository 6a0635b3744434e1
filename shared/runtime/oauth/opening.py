"""Puts together what keeps and gives the tokens of one process."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.config import Configuration
from shared.ports.clock import Clock
from shared.ports.sealer import Sealer
from shared.ports.store import GrantStore, Store
from shared.ports.tokens import NO_GRANTS, GrantTokens
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.apps import Apps
from shared.runtime.oauth.grant_tokens import StoredGrantTokens, holder_name
from shared.runtime.oauth.http import Http, HttpClient
from shared.runtime.oauth.refresher import Refresher
from shared.runtime.oauth.token_keeper import TokenKeeper
from shared.runtime.process_name import process_name
from shared.runtime.sealing import open_sealer


@dataclass(frozen=True, slots=True)
class OAuth:
    """What a process needs for OAuth."""

    apps: Apps
    store: GrantStore
    sealer: Sealer
    refresher: Refresher
    http: Http
    tokens: GrantTokens
    holder: str


@asynccontextmanager
async def open_oauth(
    configuration: Configuration, store: Store, clock: Clock, metrics: Metrics | None = None
) -> AsyncIterator[OAuth]:
    """Open what OAuth needs. Raises `ConfigurationError` where no key for secrets is configured."""
    sealer = await open_sealer(configuration, store)
    grants, http, holder = store.oauth, HttpClient(), holder_name(process_name())
    apps = Apps(configuration.oauth_apps, grants, sealer, http, clock)
    refresher = Refresher(apps, grants, sealer, http, clock, random.random, metrics)
    tokens = StoredGrantTokens(grants, sealer, refresher, clock, holder)
    try:
        yield OAuth(apps, grants, sealer, refresher, http, tokens, holder)
    finally:
        await http.close()


@asynccontextmanager
async def open_keeper(
    configuration: Configuration, store: Store, clock: Clock, metrics: Metrics
) -> AsyncIterator[tuple[GrantTokens, TokenKeeper | None]]:
    """Open the tokens and their keeper; neither where the configuration uses no grant."""
    if not configuration.grants:
        yield NO_GRANTS, None
        return
    async with open_oauth(configuration, store, clock, metrics) as oauth:
        keeper = TokenKeeper(configuration, store.oauth, oauth.refresher, clock, metrics, oauth.holder)
        yield oauth.tokens, keeper
