"""Puts together what keeps and gives the tokens of one process."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.config import Configuration
from shared.ports.clock import Clock
from shared.ports.secret_box import SecretBox
from shared.ports.store import GrantStore, Store
from shared.ports.tokens import GrantTokens
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.apps import Apps
from shared.runtime.oauth.grant_tokens import StoredGrantTokens, holder_name
from shared.runtime.oauth.http import Http, HttpClient
from shared.runtime.oauth.refresher import Refresher
from shared.runtime.oauth.revoker import Revoker
from shared.runtime.oauth.token_keeper import TokenKeeper
from shared.runtime.process_name import process_name


@dataclass(frozen=True, slots=True)
class OAuth:
    """What a process needs for OAuth."""

    apps: Apps
    store: GrantStore
    box: SecretBox
    refresher: Refresher
    revoker: Revoker
    http: Http
    tokens: GrantTokens
    holder: str


@asynccontextmanager
async def open_oauth(
    configuration: Configuration, store: Store, box: SecretBox, clock: Clock, metrics: Metrics | None = None
) -> AsyncIterator[OAuth]:
    """Open what OAuth needs, and close it."""
    oauth = oauth_of(configuration, store, box, clock, metrics)
    try:
        yield oauth
    finally:
        await oauth.http.close()


def oauth_of(
    configuration: Configuration, store: Store, box: SecretBox, clock: Clock, metrics: Metrics | None = None
) -> OAuth:
    """Return what OAuth needs. Nothing is connected, and no key is read, before a grant is used."""
    grants, http, holder = store.oauth, HttpClient(), holder_name(process_name())
    apps = Apps(configuration.oauth_apps, grants, box, http, clock)
    refresher = Refresher(apps, grants, box, http, clock, random.random, metrics)
    revoker = Revoker(apps, grants, box, http, clock, random.random, metrics)
    tokens = StoredGrantTokens(grants, box, refresher, clock, holder)
    return OAuth(apps, grants, box, refresher, revoker, http, tokens, holder)


@asynccontextmanager
async def open_keeper(
    configuration: Configuration, store: Store, box: SecretBox, clock: Clock, metrics: Metrics
) -> AsyncIterator[tuple[OAuth, TokenKeeper]]:
    """Open what OAuth needs, and the keeper of the tokens."""
    async with open_oauth(configuration, store, box, clock, metrics) as oauth:
        keeper = TokenKeeper(store.oauth, oauth.refresher, oauth.revoker, clock, metrics, oauth.holder)
        yield oauth, keeper
