"""A grant that ends is void at the provider too, whatever happens to the provider or to us meanwhile."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from shared.adapters.sql.store import SqlStore, open_store
from shared.adapters.system_clock import SystemClock
from shared.model.oauth import REVOKE_FOR, GrantState
from shared.oauth.app import OAuthApp
from shared.oauth.providers import MICROSOFT
from shared.operations.oauth_apps import OAuthFailed, add_app, remove_app
from shared.operations.oauth_grants import revoke_grant
from shared.ports.store.oauth import Removal
from shared.runtime.checkpoints import arm
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.apps import Apps
from shared.runtime.oauth.http import HttpClient
from shared.runtime.oauth.opening import OAuth
from shared.runtime.oauth.refresher import LEASE
from shared.runtime.oauth.revoker import Ending, Revoker
from shared.runtime.oauth.token_keeper import TokenKeeper
from tests.fakes.clock import ManualClock
from tests.fakes.registry import OpenBox
from tests.integration.oauth.conftest import BOX, make_oauth
from tests.integration.oauth.sign_ins import context_of, sign_in
from tests.servers.authorization_server import AuthorizationServer, answering

OTHER = replace(BOX, id="account:acme/other")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture
async def oauth(server: AuthorizationServer, store: SqlStore, clock: ManualClock) -> AsyncIterator[OAuth]:
    """A process whose clock the test moves, with a grant."""
    oauth = make_oauth(server, store, clock)
    await sign_in(oauth, BOX)
    yield oauth
    await oauth.http.close()


async def end(oauth: OAuth, clock: ManualClock) -> None:
    """End the grant, as removing its account does."""
    assert await oauth.store.give_back([BOX.id], clock.now(), clock.now() + REVOKE_FOR) == [BOX.id]


async def keep(oauth: OAuth, clock: ManualClock) -> Metrics:
    """One round of a token keeper."""
    metrics = Metrics(CollectorRegistry(), "test")
    revoker = Revoker(oauth.apps, oauth.store, oauth.box, oauth.http, clock, lambda: 0.5, metrics)
    await TokenKeeper(oauth.store, oauth.refresher, revoker, clock, metrics, "keeper").round()
    return metrics


def counted(metrics: Metrics, ending: Ending) -> float | None:
    return metrics.registry.get_sample_value("mailferry_oauth_revocations_total", {"outcome": ending.value})


async def state(oauth: OAuth) -> GrantState | None:
    stored = await oauth.store.grant(BOX.id)
    return None if stored is None else stored.grant.state


def is_void(server: AuthorizationServer) -> bool:
    return all(token.refresh_revoked for token in server.state.tokens)


async def test_the_keeper_tells_the_provider_and_forgets_the_grant(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    await end(oauth, clock)
    assert not is_void(server)
    metrics = await keep(oauth, clock)
    assert is_void(server)
    assert await state(oauth) is None
    assert counted(metrics, Ending.TOLD) == 1


async def test_an_outage_is_waited_for_and_given_up_after_a_week(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    await end(oauth, clock)
    server.revocation_faults.extend([answering(503, "<html>"), answering(429, "", Retry_After="100000")] * 99)
    for _ in range(3):
        await keep(oauth, clock)
        assert await state(oauth) is GrantState.REVOKING
        await clock.advance(86400)
    await clock.advance(REVOKE_FOR)
    metrics = await keep(oauth, clock)
    assert await state(oauth) is None
    assert counted(metrics, Ending.GIVEN_UP) == 1
    assert len(server.revocation_requests) == 4


async def test_the_provider_is_told_after_an_outage(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    server.revocation_faults.append(answering(500, ""))
    said = await revoke_grant(context_of(oauth, clock), BOX)
    assert "could not be told yet: the provider answered 500" in said
    assert await state(oauth) is GrantState.REVOKING
    await clock.advance(86400)
    await keep(oauth, clock)
    assert is_void(server)


async def test_another_account_on_the_same_sign_in_keeps_it(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    """Google ends all sign-ins of a user with a project when one is revoked."""
    await sign_in(oauth, OTHER)
    await end(oauth, clock)
    metrics = await keep(oauth, clock)
    assert server.revocation_requests == []
    assert counted(metrics, Ending.SHARED) == 1
    assert await state(oauth) is None
    assert await oauth.tokens.access_token(OTHER)


async def test_a_provider_that_cannot_be_told_ends_the_wait(oauth: OAuth, clock: ManualClock) -> None:
    microsoft = OAuthApp("here", "here", MICROSOFT.in_directory("acme.com"))
    oauth.apps.configured = {"here": microsoft}
    assert "Microsoft cannot be told that. The owner can" in await revoke_grant(context_of(oauth, clock), BOX)


async def test_an_app_that_is_gone_is_given_up(oauth: OAuth, clock: ManualClock) -> None:
    oauth.apps.configured = {}
    await end(oauth, clock)
    await keep(oauth, clock)
    assert await state(oauth) is GrantState.REVOKING
    await clock.advance(REVOKE_FOR)
    metrics = await keep(oauth, clock)
    assert counted(metrics, Ending.GIVEN_UP) == 1


async def test_a_removed_app_stays_until_its_sign_ins_are_given_back(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    context = context_of(oauth, clock)
    keys = {"client_id": "here", "client_secret": "canary-secret", "discovery": server.discovery}
    await add_app(context, {"name": "mine", "scopes": ["mail"], **keys})
    await sign_in(oauth, replace(BOX, app="mine"))
    with pytest.raises(OAuthFailed, match=r"has 1 sign-ins, for example that of account acme/box.*--force"):
        await remove_app(context, "mine")
    assert await remove_app(context, "mine", force=True) == Removal(1, 1)
    assert "mine" not in await oauth.apps.all()
    with pytest.raises(OAuthFailed, match="no OAuth app mine"):
        await remove_app(context, "mine")
    await keep(oauth, clock)
    assert server.revocation_requests[0]["client_id"] == "here"
    assert server.state.tokens[-1].refresh_revoked
    assert await oauth.store.app_states() == {}


def tell(url: str, discovery: str, step: str) -> None:
    """Tell the provider, in a process of its own that dies at `step`."""
    arm({"MAILFERRY_DIE_AT": step})
    asyncio.run(_tell(url, discovery))


async def _tell(url: str, discovery: str) -> None:
    store, clock, http, box = open_store(url), SystemClock(), HttpClient(), OpenBox()
    secret = SecretStr("canary-secret")
    app = OAuthApp("here", "here", None, client_secret=secret, scopes=("mail",), discovery=discovery)
    apps = Apps({"here": app}, store.oauth, box, http, clock)
    revoker = Revoker(apps, store.oauth, box, http, clock, lambda: 0.5)
    now = clock.now()
    for lease in await store.oauth.lease_revocations("killed", now, now + LEASE, 10):
        await revoker.revoke(lease)


@pytest.mark.kill
@pytest.mark.parametrize(("step", "times"), [("oauth.told", 2), ("oauth.forgotten", 1)])
async def test_a_kill_keeps_no_sign_in_and_tells_the_provider_at_most_twice(
    step: str, times: int, server: AuthorizationServer, store: SqlStore, tmp_path: Path
) -> None:
    oauth = make_oauth(server, store, SystemClock())
    await sign_in(oauth, BOX)
    await oauth.store.give_back([BOX.id], time.time(), time.time() + REVOKE_FOR)
    arguments = (f"sqlite://{tmp_path}/mailferry.db", server.discovery, step)
    process = multiprocessing.get_context("spawn").Process(target=tell, args=arguments)
    process.start()
    await asyncio.to_thread(process.join, 60)
    assert process.exitcode == -signal.SIGKILL
    assert is_void(server)
    assert (await state(oauth) is None) == (step == "oauth.forgotten")
    later = ManualClock(time.time() + LEASE + 1)
    survivor = make_oauth(server, store, later)
    await keep(survivor, later)
    assert await state(oauth) is None
    assert len(server.revocation_requests) == times
    for each in (oauth, survivor):
        await each.http.close()
