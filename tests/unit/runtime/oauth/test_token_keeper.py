"""The token keeper renews what is due, whatever one grant or the database does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from shared.adapters.sql.store import SqlStore, open_store
from shared.model.oauth import Flow, GrantState
from shared.oauth.answers import Answer
from shared.oauth.app import OAuthApp
from shared.oauth.providers import MICROSOFT
from shared.oauth.requests import Request
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.apps import Apps
from shared.runtime.oauth.http import Http
from shared.runtime.oauth.refresher import Refresher
from shared.runtime.oauth.revoker import Revoker
from shared.runtime.oauth.token_keeper import AT_ONCE, BATCH, LONGEST_SLEEP, TokenKeeper
from tests.fakes.clock import ManualClock
from tests.fakes.database import write_empty_database
from tests.fakes.registry import OpenBox


class TokenServer(Http):
    """Answers each request with a new token, or with what is in `instead`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.instead: list[Answer] = []

    async def post(self, request: Request) -> Answer:
        self.requests.append(request)
        if self.instead:
            return self.instead.pop(0)
        token = f"token {len(self.requests)}".replace(" ", "-")
        return Answer(200, json.dumps({"access_token": token, "expires_in": 3600}).encode())

    async def document(self, url: str) -> Any:
        raise AssertionError(url)

    async def close(self) -> None:
        """Nothing is open."""


class Keeper:
    """A keeper of the accounts box0, box1 and so on, whose app needs no owner."""

    def __init__(self, store: SqlStore, accounts: int, tenant: str | None = None) -> None:
        self.store, self.clock, self.server = store, ManualClock(), TokenServer()
        self.metrics = Metrics(CollectorRegistry(), "test")
        self._names = [f"box{number}" for number in range(accounts)]
        directory, secret = MICROSOFT.in_directory("acme.com"), SecretStr("s")
        app = OAuthApp("m", "id", directory, Flow.CLIENT_CREDENTIALS, secret, tenant=tenant)
        apps = Apps({"m": app}, store.oauth, OpenBox(), self.server, self.clock)
        refresher = Refresher(
            apps, store.oauth, OpenBox(), self.server, self.clock, lambda: 0.5, self.metrics
        )
        revoker = Revoker(apps, store.oauth, OpenBox(), self.server, self.clock, lambda: 0.5, self.metrics)
        self.keeper = TokenKeeper(store.oauth, refresher, revoker, self.clock, self.metrics, "keeper")

    async def begin(self) -> Self:
        """Have a grant for each account, as the first login of each begins it."""
        begun = [(f"account:default/{name}", "m", f"{name}@acme.com") for name in self._names]
        await self.store.oauth.ensure_grants(begun, self.clock.now())
        return self

    async def states(self) -> set[GrantState]:
        return {each.state for each in await self.store.oauth.grants()}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    write_empty_database(tmp_path / "mailferry.db")
    store = open_store(f"sqlite://{tmp_path}/mailferry.db")
    yield store
    await store.close()


async def test_grants_without_an_owner_begin_and_are_renewed(store: SqlStore) -> None:
    made = await Keeper(store, 3).begin()
    assert await made.keeper.round() == LONGEST_SLEEP
    assert len(made.server.requests) == 3
    assert await made.states() == {GrantState.VALID}
    await made.keeper.round()
    assert len(made.server.requests) == 3
    await made.clock.advance(2700)
    await made.keeper.round()
    assert len(made.server.requests) == 6


async def test_an_app_of_another_tenant_gets_no_token(store: SqlStore) -> None:
    made = await Keeper(store, 1, tenant="other").begin()
    await made.keeper.round()
    [grant] = await store.oauth.grants()
    assert (grant.state, made.server.requests) == (GrantState.APP_BROKEN, [])
    assert "There is no OAuth app" in str(grant.problem)


async def test_more_than_a_batch_is_gone_on_with_at_once(store: SqlStore) -> None:
    made = await Keeper(store, BATCH + 5).begin()
    assert await made.keeper.round() == 0.0
    assert await made.keeper.round() > 0
    assert len(made.server.requests) == BATCH + 5
    assert AT_ONCE <= BATCH


async def test_one_grant_that_fails_leaves_the_others_alone(store: SqlStore) -> None:
    made = await Keeper(store, 3).begin()
    made.server.instead = [Answer(503, b"<html>")]
    await made.keeper.round()
    assert await made.states() == {GrantState.VALID, GrantState.RETRYING}
    count = made.metrics.registry.get_sample_value
    assert count("mailferry_oauth_grants", {"state": "retrying"}) == 1
    assert count("mailferry_oauth_grants", {"state": "valid"}) == 2
    assert count("mailferry_oauth_refreshes_total", {"outcome": "ok"}) == 2
