"""Tokens are kept fresh against a real authorization server, whatever happens to it or to us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from shared.adapters.sql.store import SqlStore
from shared.model.oauth import GrantState
from shared.oauth.answers import Refreshed
from shared.ports.store.oauth import Grant
from shared.ports.tokens import TokenUnavailable
from shared.runtime.oauth import refresher
from shared.runtime.oauth.opening import OAuth
from shared.runtime.oauth.refresher import LEASE
from tests.fakes.clock import ManualClock
from tests.integration.oauth.conftest import BOX, make_oauth
from tests.integration.oauth.sign_ins import sign_in
from tests.servers.authorization_server import AuthorizationServer, Fault, answering

HOUR = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture
async def oauth(server: AuthorizationServer, store: SqlStore, clock: ManualClock) -> AsyncIterator[OAuth]:
    """A process whose clock the test moves, with a grant."""
    oauth = make_oauth(server, store, clock)
    await sign_in(oauth, BOX)
    server.token_requests.clear()
    yield oauth
    await oauth.http.close()


async def known(oauth: OAuth) -> Grant:
    stored = await oauth.store.grant(BOX.id)
    assert stored is not None
    return stored.grant


async def refresh_due(oauth: OAuth, clock: ManualClock) -> int:
    """Refresh what is due, as a keeper does; return how many grants that were."""
    now = clock.now()
    leases = await oauth.store.lease_due(oauth.holder, now, now + LEASE, 10)
    for lease in leases:
        await oauth.refresher.refresh(lease)
    return len(leases)


async def test_a_grant_is_refreshed_before_its_token_ends(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    first = await oauth.tokens.access_token(BOX)
    await clock.advance(0.7 * HOUR)
    assert await refresh_due(oauth, clock) == 0
    await clock.advance(0.1 * HOUR)
    assert await refresh_due(oauth, clock) == 1
    second = await oauth.tokens.access_token(BOX)
    assert second != first
    assert server.token_requests[0]["grant_type"] == "refresh_token"


@pytest.mark.parametrize("rotates", [True, False])
async def test_a_grant_lives_for_weeks(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock, rotates: bool
) -> None:
    server.state.rotates = rotates
    for _ in range(20):
        await clock.advance(HOUR)
        assert await refresh_due(oauth, clock) == 1
    assert (await known(oauth)).state is GrantState.VALID
    used = [each["refresh_token"] for each in server.token_requests]
    assert len(set(used)) == (20 if rotates else 1)


HTML = "<html><title>Scheduled maintenance</title></html>"
OUTAGES: list[Fault] = [
    answering(500, ""),
    answering(503, HTML),
    answering(200, HTML),
    answering(429, '{"error": "rate_limited"}', Retry_After="60"),
    answering(400, '{"error": "temporarily_unavailable"}'),
]


async def test_an_outage_of_an_hour_is_waited_for_and_never_called_a_wrong_login(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    await clock.advance(HOUR)
    asked = 0
    while asked < 10:
        server.faults.append(OUTAGES[asked % len(OUTAGES)])
        await clock.advance(1000)
        asked += await refresh_due(oauth, clock)
        assert (await known(oauth)).state is GrantState.RETRYING
        with pytest.raises(TokenUnavailable, match="asked again later") as caught:
            await oauth.tokens.access_token(BOX)
        assert caught.value.temporary
    assert len(server.token_requests) == 10, "visits ask the token server no more often than the keeper"
    server.faults.clear()
    await clock.advance(1000)
    assert await refresh_due(oauth, clock) == 1
    assert await oauth.tokens.access_token(BOX)
    assert (await known(oauth)).failures == 0


async def test_a_server_that_is_away_is_waited_for(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    await oauth.apps.find("here")
    server.__exit__()
    await clock.advance(HOUR)
    await refresh_due(oauth, clock)
    grant = await known(oauth)
    assert grant.state is GrantState.RETRYING
    assert grant.problem is not None
    assert "gave no answer" in grant.problem


async def test_a_slow_server_is_given_up_within_the_lease(
    server: AuthorizationServer, store: SqlStore, oauth: OAuth, clock: ManualClock
) -> None:
    hasty = make_oauth(server, store, clock, timeout=0.3)
    await hasty.apps.find("here")
    answered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_test() -> None:
        asyncio.run_coroutine_threadsafe(answered.wait(), loop).result(30)

    server.before_answer = wait_for_test
    await clock.advance(HOUR)
    await refresh_due(hasty, clock)
    answered.set()
    grant = await known(oauth)
    assert grant.state is GrantState.RETRYING
    assert "within 0.3 seconds" in str(grant.problem)
    await hasty.http.close()
    await clock.advance(1000)
    server.before_answer = lambda: None
    assert await refresh_due(oauth, clock) == 1
    assert (await known(oauth)).state is GrantState.VALID, "the answer that nobody heard cost nothing"


async def test_a_revoked_grant_waits_for_its_owner_and_a_sign_in_mends_it(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    server.revoke_all()
    await clock.advance(HOUR)
    await refresh_due(oauth, clock)
    grant = await known(oauth)
    assert grant.state is GrantState.NEEDS_OWNER
    with pytest.raises(TokenUnavailable, match="owner of the mailbox has to sign in again") as caught:
        await oauth.tokens.access_token(BOX)
    assert caught.value.state is GrantState.NEEDS_OWNER
    assert len(server.token_requests) == 1
    await sign_in(oauth, BOX)
    assert await oauth.tokens.access_token(BOX)


async def test_an_app_with_a_wrong_secret_is_broken_until_it_is_corrected(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    server.state.clients["here"].secret = "changed"
    await clock.advance(HOUR)
    await refresh_due(oauth, clock)
    state = (await oauth.store.app_states())["here"]
    assert "whoever runs Mailferry" in str(state.problem)
    assert (await known(oauth)).state is GrantState.APP_BROKEN
    server.state.clients["here"].secret = "canary-secret"
    await clock.advance(1000)
    await refresh_due(oauth, clock)
    assert (await known(oauth)).state is GrantState.VALID
    assert (await oauth.store.app_states())["here"].problem is None


async def test_many_logins_at_once_in_two_processes_cost_one_refresh(
    server: AuthorizationServer, store: SqlStore, oauth: OAuth
) -> None:
    """Real time: those who wait for another's refresh look again and again."""
    from shared.adapters.system_clock import SystemClock  # noqa: PLC0415 - here alone

    server.expire_access()
    one, two = (make_oauth(server, store, SystemClock(), holder=name) for name in ("one", "two"))
    refused = await oauth.tokens.access_token(BOX)
    await age(store, 100)
    tokens = await asyncio.gather(*(each.tokens.renewed(BOX, refused) for each in (one, two) * 5))
    assert len({each.get_secret_value() for each in tokens if each}) == 1
    assert None not in tokens
    assert (len(server.token_requests), server.most_at_once) == (1, 1)
    for each in (one, two):
        await each.http.close()


async def age(store: SqlStore, seconds: float) -> None:
    """Let the grant's token have been issued earlier, so that it is not fresh any more."""
    from sqlalchemy import update  # noqa: PLC0415 - here alone

    from shared.adapters.sql.tables import oauth_grants  # noqa: PLC0415 - here alone
    from shared.adapters.sql.unit_of_work import Transaction  # noqa: PLC0415 - here alone

    def change(transaction: Transaction) -> None:
        columns = oauth_grants.c
        transaction.connection.execute(update(oauth_grants).values(issued_at=columns.issued_at - seconds))

    await store.runner.write(change)


async def test_a_fresh_token_that_is_refused_is_not_replaced(
    server: AuthorizationServer, oauth: OAuth
) -> None:
    token = await oauth.tokens.access_token(BOX)
    assert await oauth.tokens.renewed(BOX, token) is None
    assert await oauth.tokens.renewed(BOX, SecretStr("an older one")) == token
    assert server.token_requests == []


async def test_a_clock_that_was_ahead_costs_a_refresh_and_no_grant(
    server: AuthorizationServer, store: SqlStore, oauth: OAuth, clock: ManualClock
) -> None:
    ahead = ManualClock(clock.now() + 365 * 24 * HOUR)
    other = make_oauth(server, store, ahead)
    await refresh_due(other, ahead)
    await other.http.close()
    assert await oauth.tokens.access_token(BOX)
    assert len(server.token_requests) == 2
    assert (await known(oauth)).state is GrantState.VALID


async def test_a_clock_that_is_behind_costs_refreshes_and_no_grant(
    server: AuthorizationServer, store: SqlStore, oauth: OAuth, clock: ManualClock
) -> None:
    """A process with the right clock and one that is a day behind use the same grant."""
    behind = ManualClock(clock.now() - 24 * HOUR)
    other = make_oauth(server, store, behind, holder="behind")
    for _ in range(3):
        assert await other.tokens.access_token(BOX)
        assert await oauth.tokens.access_token(BOX)
        await clock.advance(HOUR)
        await behind.advance(HOUR)
        await refresh_due(other, behind)
        await refresh_due(oauth, clock)
        assert (await known(oauth)).state is GrantState.VALID
    assert server.most_at_once == 1
    await other.http.close()


async def test_a_token_server_is_not_asked_before_the_time_that_it_names(
    server: AuthorizationServer, oauth: OAuth, clock: ManualClock
) -> None:
    server.faults.append(answering(429, '{"error": "rate_limited"}', Retry_After="3000"))
    await clock.advance(HOUR)
    assert await refresh_due(oauth, clock) == 1
    await clock.advance(2900)
    assert await refresh_due(oauth, clock) == 0
    with pytest.raises(TokenUnavailable, match="429"):
        await oauth.tokens.access_token(BOX)
    await clock.advance(101)
    assert await refresh_due(oauth, clock) == 1
    assert (await known(oauth)).state is GrantState.VALID


@pytest.mark.parametrize("rotates", [True, False])
@pytest.mark.parametrize("step", ["oauth.answered", "oauth.stored"])
async def test_two_keepers_that_are_killed_at_each_step_lose_no_grant(
    server: AuthorizationServer,
    store: SqlStore,
    oauth: OAuth,
    clock: ManualClock,
    step: str,
    rotates: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.state.rotates = rotates

    def die(name: str) -> None:
        if name == step:
            raise Killed

    await clock.advance(HOUR)
    with monkeypatch.context() as patched:
        patched.setattr(refresher, "reached", die)
        for holder in ("one", "two"):
            keeper = make_oauth(server, store, clock, holder=holder)
            due = await keeper.store.lease_due(holder, clock.now(), clock.now() + LEASE, 10)
            for lease in due:
                with pytest.raises(Killed):
                    await keeper.refresher.refresh(lease)
            await keeper.http.close()
            await clock.advance(LEASE + 1)
    await clock.advance(HOUR)
    last = await oauth.store.lease_grant(BOX.id, "three", clock.now(), clock.now() + LEASE)
    assert last is not None
    assert isinstance(await oauth.refresher.refresh(last), Refreshed)
    assert (await known(oauth)).state is GrantState.VALID


class Killed(Exception):
    """Stands for a power cut: nothing after it happens in this process."""
