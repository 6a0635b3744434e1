"""A database restored from a backup allows no deletion until an operator confirms its epoch."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from tests.fakes.mail_lives import Lives


async def test_the_mark_only_grows_and_the_name_stays(store: SqlStore) -> None:
    first = await store.operator.epoch()
    second = await store.maintenance.advance_mark()
    assert (second.mark, second.store, second.number) == (first.mark + 1, first.store, first.number)
    assert len(first.store) == 32


async def test_in_a_new_epoch_nothing_is_deleted_until_it_is_confirmed(lives: Lives) -> None:
    message = await lives.settled("uid 1")
    before = await lives.store.maintenance.advance_mark()
    paused = await lives.store.operator.pause_deletion("restored", 77.0)
    assert (paused.number, paused.paused_since, paused.reason) == (before.number + 1, 77.0, "restored")
    again = await lives.store.operator.pause_deletion("restored once more", 78.0)
    assert again == paused
    assert (await lives.store.maintenance.advance_mark()).mark == before.mark
    assert await lives.store.fetcher.start_deleting(lives.fence, [message], lives.now) == []

    confirmed = await lives.store.operator.confirm_epoch(before.mark + 1000)
    assert (confirmed.number, confirmed.mark) == (paused.number, before.mark + 1001)
    assert confirmed.paused_since is None
    assert await lives.store.fetcher.start_deleting(lives.fence, [message], lives.now) == [message]


async def test_a_process_that_has_seen_a_later_mark_deletes_nothing(lives: Lives) -> None:
    message = await lives.settled("uid 1")
    mark = (await lives.store.maintenance.advance_mark()).mark
    assert await lives.store.fetcher.start_deleting(lives.fence, [message], lives.now, mark + 1) == []
    assert await lives.store.fetcher.start_deleting(lives.fence, [message], lives.now, mark) == [message]


async def test_the_time_seen_is_kept_and_the_start_of_copies_never_goes_back(store: SqlStore) -> None:
    first = await store.maintenance.advance_mark(100.0)
    assert (first.seen_at, first.copies_since) == (100.0, 0.0)
    assert (await store.maintenance.advance_mark(90.0, 80.0)).copies_since == 80.0
    again = await store.maintenance.advance_mark(95.0, 70.0)
    assert (again.seen_at, again.copies_since) == (95.0, 80.0)
    assert (await store.maintenance.advance_mark()).seen_at == 95.0
    assert (await store.operator.epoch()).copies_since == 80.0
    assert (await store.maintenance.advance_mark(95.0, 1e9)).copies_since == 1e9
    assert (await store.maintenance.advance_mark(100.0, 99.0)).copies_since == 99.0
