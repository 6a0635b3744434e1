"""The store says which raw mails have to be kept."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from shared.model.message import RecipientStatus
from tests.fakes.custody import BOB, EVE
from tests.fakes.mail_lives import Lives, outcome


async def test_raw_mail_may_go_only_when_the_mail_is_concluded_and_no_recipient_is_parked(
    lives: Lives, store: SqlStore
) -> None:
    fetched = await lives.fetched("uid 1", blob="blob-1")
    routed = await lives.routed("uid 2", BOB)
    delivered = await lives.settled("uid 3")
    parked = await lives.routed("uid 4", BOB, EVE)
    await lives.begin(parked)
    await lives.end(parked, outcome(EVE), outcome(BOB, RecipientStatus.PARKED), blob="blob-2")
    everything = [fetched, routed, delivered, parked, "never heard of", "\0"]

    assert set(await store.maintenance.raw_mail_needed(everything)) == {fetched, routed, parked}
    assert set(await store.maintenance.raw_mail_not_needed(everything)) == {delivered}
    await store.operator.retry_parked(parked, [], None, None, lives.now)
    assert parked in await store.maintenance.raw_mail_needed(everything)
    [begun] = await lives.begin(parked)
    assert parked in await store.maintenance.raw_mail_needed(everything)
    await lives.end(parked, outcome(BOB), attempt=begun.attempt)
    assert set(await store.maintenance.raw_mail_needed(everything)) == {fetched, routed}
    assert set(await store.maintenance.raw_mail_not_needed(everything)) == {delivered, parked}
    assert await store.maintenance.raw_mail_needed([]) == []


async def test_the_raw_mail_of_a_discarded_mail_may_go(lives: Lives, store: SqlStore) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.park(message)
    await store.operator.discard_parked(message, [], lives.now)
    assert await lives.status(message) is RecipientStatus.DISCARDED
    assert await store.maintenance.raw_mail_needed([message]) == []


async def test_raw_mail_unknown_to_a_restored_database_is_kept(store: SqlStore) -> None:
    assert await store.maintenance.raw_mail_needed(["unknown"]) == []
    await store.operator.pause_deletion("restored", 1.0)
    assert await store.maintenance.raw_mail_needed(["unknown"]) == ["unknown"]
    assert await store.maintenance.raw_mail_not_needed(["unknown"]) == []
    await store.operator.confirm_epoch(0)
    assert await store.maintenance.raw_mail_needed(["unknown"]) == ["unknown"]
