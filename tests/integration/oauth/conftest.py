"""A private authorization server, and a store whose tokens come from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from shared.adapters.sql.store import SqlStore, open_store
from shared.adapters.system_clock import SystemClock
from shared.model.oauth import Flow, GrantRef
from shared.oauth.app import OAuthApp
from shared.ports.clock import Clock
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.apps import Apps
from shared.runtime.oauth.grant_tokens import StoredGrantTokens
from shared.runtime.oauth.http import HttpClient
from shared.runtime.oauth.opening import OAuth
from shared.runtime.oauth.refresher import Refresher
from shared.runtime.oauth.revoker import Revoker
from tests.fakes.database import write_empty_database
from tests.fakes.registry import OpenBox
from tests.servers.authorization_server import AuthorizationServer, Client

BOX = GrantRef("account:acme/box", "here", "bob@acme.test", "imap")


def make_oauth(
    server: AuthorizationServer, store: SqlStore, clock: Clock, holder: str = "one", timeout: float = 20.0
) -> OAuth:
    """What a process has that is configured with the server's apps."""
    apps = {
        "here": app_of(server, "here", secret="canary-secret"),
        "public": app_of(server, "public", secret=None),
        "itself": app_of(server, "itself", secret="canary-secret", flow=Flow.CLIENT_CREDENTIALS),
        "wrong": app_of(server, "here", secret="canary-wrong"),
    }
    box, http = OpenBox(), HttpClient(timeout)
    found = Apps(apps, store.oauth, box, http, clock)
    metrics = Metrics(CollectorRegistry(), "test")
    refresher = Refresher(found, store.oauth, box, http, clock, lambda: 0.5, metrics)
    revoker = Revoker(found, store.oauth, box, http, clock, lambda: 0.5, metrics)
    tokens = StoredGrantTokens(store.oauth, box, refresher, clock, holder)
    return OAuth(found, store.oauth, box, refresher, revoker, http, tokens, holder)


def app_of(
    server: AuthorizationServer, client: str, *, secret: str | None, flow: Flow = Flow.USER
) -> OAuthApp:
    return OAuthApp(
        client,
        client,
        None,
        flow,
        SecretStr(secret) if secret else None,
        scopes=("mail", "openid"),
        discovery=server.discovery,
    )


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        running.state.clients |= {
            "here": Client("here", "canary-secret"),
            "itself": Client("itself", "canary-secret"),
            "public": Client("public"),
        }
        yield running


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    write_empty_database(tmp_path / "mailferry.db")
    store = open_store(f"sqlite://{tmp_path}/mailferry.db")
    yield store
    await store.close()


@pytest.fixture
async def oauth(server: AuthorizationServer, store: SqlStore) -> AsyncIterator[OAuth]:
    oauth = make_oauth(server, store, SystemClock())
    yield oauth
    await oauth.http.close()
