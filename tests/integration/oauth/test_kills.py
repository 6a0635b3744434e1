"""Processes that renew a grant are killed at each step, as by a power cut; the grant lives on."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.adapters.sql.store import SqlStore, open_store
from shared.adapters.system_clock import SystemClock
from shared.model.oauth import GrantState
from shared.oauth.app import OAuthApp
from shared.runtime.checkpoints import arm
from shared.runtime.oauth.apps import Apps
from shared.runtime.oauth.http import HttpClient
from shared.runtime.oauth.refresher import LEASE, Refresher
from tests.fakes.registry import OpenBox
from tests.integration.oauth.conftest import BOX, make_oauth
from tests.integration.oauth.sign_ins import sign_in
from tests.servers.authorization_server import AuthorizationServer


def renew(url: str, discovery: str, now: float, step: str) -> None:
    """Renew what is due at `now`, in a process of its own that dies at `step`."""
    arm({"MAILFERRY_DIE_AT": step})
    asyncio.run(_renew(url, discovery, now))


async def _renew(url: str, discovery: str, now: float) -> None:
    store, clock, http, box = open_store(url), SystemClock(), HttpClient(), OpenBox()
    app = OAuthApp(
        "here", "here", None, client_secret=SecretStr("canary-secret"), scopes=("mail",), discovery=discovery
    )
    apps = Apps({"here": app}, store.oauth, box, http, clock)
    refresher = Refresher(apps, store.oauth, box, http, clock, lambda: 0.5)
    for lease in await store.oauth.lease_due("killed", now, now + LEASE, 10):
        await refresher.refresh(lease)


@pytest.mark.kill
@pytest.mark.parametrize("step", ["oauth.answered", "oauth.stored"])
async def test_a_killed_keeper_costs_no_grant(
    step: str, server: AuthorizationServer, store: SqlStore, tmp_path: Path
) -> None:
    oauth = make_oauth(server, store, SystemClock())
    await sign_in(oauth, replace(BOX))
    url = f"sqlite://{tmp_path}/mailferry.db"
    context = multiprocessing.get_context("spawn")
    now = time.time() + 3600
    for _ in range(2):
        process = context.Process(target=renew, args=(url, server.discovery, now, step))
        process.start()
        await asyncio.to_thread(process.join, 60)
        assert process.exitcode == -signal.SIGKILL
        now += LEASE + 3600
    [lease] = await store.oauth.lease_due("survivor", now, now + LEASE, 10)
    assert await oauth.refresher.refresh(lease)
    stored = await store.oauth.grant(BOX.id)
    assert stored is not None
    assert stored.grant.state is GrantState.VALID
    assert server.most_at_once == 1
    await oauth.http.close()
