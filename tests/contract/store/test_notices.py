"""What the store promises about notices: each is claimed once, and lists the mail parked since the last."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from shared.model.message import RecipientStatus
from shared.ports.store import Parked
from tests.fakes.custody import BOB, EVE
from tests.fakes.mail_lives import TENANT, Lives, outcome

PARKED = RecipientStatus.PARKED


async def test_a_notice_is_claimed_by_a_process_that_knows_its_latest_state(store: SqlStore) -> None:
    assert await store.maintenance.notices() == {}
    assert await store.maintenance.claim_notice("digest acme", None, 100.0)
    assert not await store.maintenance.claim_notice("digest acme", None, 200.0)
    assert not await store.maintenance.claim_notice("digest acme", 99.0, 200.0)
    assert await store.maintenance.claim_notice("digest acme", 100.0, 200.0)
    assert await store.maintenance.claim_notice("bounces", None, 150.0)
    assert await store.maintenance.notices() == {"digest acme": 200.0, "bounces": 150.0}


async def test_recipients_parked_in_a_period_are_listed_by_tenant(lives: Lives, store: SqlStore) -> None:
    assert await store.maintenance.parked_tenants() == {}
    first, second = await lives.routed("uid 1", BOB), await lives.routed("uid 2", BOB, EVE)
    await lives.park(first)
    early = lives.now
    lives.now += 60
    await lives.begin(second)
    await lives.end(second, outcome(BOB), outcome(EVE, PARKED), blob="blob-2")

    assert await store.maintenance.parked_tenants() == {TENANT: early + 60}
    everything = await store.maintenance.parked_between(0, lives.now, 10)
    assert places(everything) == [(first, BOB), (second, EVE)]
    assert places(await store.maintenance.parked_between(early, lives.now, 10)) == [(second, EVE)]
    assert places(await store.maintenance.parked_between(0, early, 10)) == [(first, BOB)]
    assert places(await store.maintenance.parked_between(0, lives.now, 1)) == [(first, BOB)]
    assert await store.maintenance.parked_between(0, lives.now, 10, TENANT) == everything
    assert await store.maintenance.parked_between(0, lives.now, 10, "another") == []


def places(parked: object) -> list[tuple[str, str]]:
    assert isinstance(parked, list)
    return [(each.message.id, each.recipient.address) for each in parked if isinstance(each, Parked)]
