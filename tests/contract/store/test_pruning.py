"""Mails that left their source long ago are forgotten, and the journal still agrees with the tables."""

from __future__ import annotations

from shared.ports.store import Store
from tests.fakes.mail_lives import BOB, EVE, LEASE, Lives, routed

COPY = "the same content"
DAY = 86400.0


async def gone(lives: Lives, *messages: str) -> None:
    await lives.store.fetcher.record_gone(
        lives.fence, dict.fromkeys(messages, "deleted as settled"), lives.now
    )


async def pruned(store: Store, before: float, limit: int = 100) -> int:
    """Prune in one pass; return how many messages were forgotten."""
    after: str | None = ""
    count = 0
    while after is not None:
        step = await store.maintenance.prune_messages(after, before, limit)
        after, count = step.last, count + step.messages
    return count


async def test_a_mail_gone_for_long_is_forgotten_with_all_that_belongs_to_it(lives: Lives) -> None:
    old = await lives.settled("uid 1")
    await gone(lives, old)
    lives.now += 10 * DAY
    young = await lives.settled("uid 2")
    await gone(lives, young)
    assert await pruned(lives.store, lives.now - 9 * DAY) == 1
    assert await lives.store.operator.find_messages(old, 1) == []
    assert await lives.store.operator.find_messages(BOB, 10) == [await lives.state(young)]
    assert await lives.store.operator.message_journal(old) == []
    assert await lives.is_sound()
    assert await lives.store.operator.rebuild_tables() == 1
    assert await lives.is_sound()


async def test_a_mail_still_listed_or_with_a_parked_or_unserved_recipient_is_kept(lives: Lives) -> None:
    kept = await lives.settled("uid 1")
    parked = await lives.routed("uid 2")
    await lives.park(parked)
    early = await lives.routed("uid 3")
    await gone(lives, parked, early)
    assert await pruned(lives.store, lives.now + 1000 * DAY) == 0
    assert [row.message for row in await lives.store.fetcher.ledger_rows("acme/box")] == [kept]
    await lives.store.operator.discard_parked(parked, [], lives.now)
    assert await pruned(lives.store, lives.now + 1000 * DAY) == 1
    assert await lives.is_sound()


async def test_a_copy_of_a_forgotten_mail_is_delivered(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    await lives.deliver(first)
    await gone(lives, first)
    assert await pruned(lives.store, lives.now + DAY) == 1
    [serving], _ = await lives.route(routed(await lives.fetched("uid 2"), BOB, identity=COPY))
    assert [each.address for each in serving.recipients] == [BOB]
    assert await lives.is_sound()


async def test_a_claim_is_forgotten_with_its_last_holder(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, EVE, identity=COPY)
    await lives.begin(first)
    lives.now += LEASE
    second = await lives.routed("uid 2", BOB, EVE, identity=COPY)
    await lives.deliver(second)
    await lives.fetch_again(first, "uid 1")
    await lives.route(routed(first, BOB, EVE, identity=COPY, fetch_no=2))
    await gone(lives, second)
    assert await pruned(lives.store, lives.now + DAY) == 1
    assert [row.message for row in await lives.store.fetcher.ledger_rows("acme/box")] == [first]
    assert await lives.is_sound()
    assert await lives.store.operator.rebuild_tables() == 1
    assert await lives.is_sound()


async def test_a_pass_is_made_of_small_steps(lives: Lives) -> None:
    messages = [await lives.settled(f"uid {number}") for number in range(7)]
    await gone(lives, *messages)
    first = await lives.store.maintenance.prune_messages("", lives.now + DAY, 3)
    assert (first.messages, first.last) == (3, messages[2])
    assert await pruned(lives.store, lives.now + DAY, 3) == 4
    assert await lives.is_sound()


async def test_a_pass_ends_where_mails_are_too_young_to_be_forgotten(lives: Lives) -> None:
    old = [await lives.settled(f"uid {number}") for number in range(2)]
    await gone(lives, *old)
    lives.now += 10 * DAY
    await gone(lives, *[await lives.settled(f"uid {number}") for number in range(2, 8)])
    step = await lives.store.maintenance.prune_messages("", lives.now - 9 * DAY, 3)
    assert (step.messages, step.last) == (2, None)


async def test_the_blobs_of_forgotten_mails_are_returned(lives: Lives) -> None:
    message = await lives.routed("uid 1", blob="blob-7")
    await lives.deliver(message)
    await gone(lives, message)
    assert (await lives.store.maintenance.prune_messages("", lives.now + DAY, 10)).blobs == ("blob-7",)
