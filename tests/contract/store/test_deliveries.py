"""What the store promises the relay: attempts begin and end once, and an outcome decides waiting copies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from shared.adapters.sql.store import SqlStore
from shared.custody.commands import Attempt, Outcomes
from shared.model.message import MessageStatus, RecipientStatus
from tests.fakes.mail_lives import BOB, EVE, LEASE, Lives, mail, outcome, routed

COPY = "the same content"
PARKED, DEFERRED = RecipientStatus.PARKED, RecipientStatus.DEFERRED


async def test_an_attempt_begins_with_the_next_number(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB, EVE)
    [serving], _ = await lives.store.relay.begin_attempts(
        [Attempt(message, 1, ((BOB, 0),), "relay-1")], lives.now, LEASE
    )
    assert (serving.message, serving.target, serving.reverse_path) == (
        message,
        "exchange",
        "sender@sender.example",
    )
    assert [(each.address, each.attempt) for each in serving.recipients] == [(BOB, 1)]
    assert await lives.status(message, EVE) is RecipientStatus.OPEN


async def test_an_attempt_begins_once(lives: Lives) -> None:
    message = await lives.routed("uid 1")
    wish = Attempt(message, 1, ((BOB, 0),), "relay-1")
    assert len((await lives.store.relay.begin_attempts([wish, wish], lives.now, LEASE)).servings) == 1
    assert await lives.store.relay.begin_attempts([wish], lives.now, LEASE) == ([], [])


async def test_an_attempt_begins_once_even_where_two_relays_try_at_once(
    lives: Lives, another: Callable[[], SqlStore]
) -> None:
    messages = [await lives.routed(f"uid {n}") for n in range(10)]
    wishes = [Attempt(message, 1, ((BOB, 0),), "relay") for message in messages]
    calls = [
        lives.store.relay.begin_attempts(wishes, lives.now, LEASE),
        another().relay.begin_attempts(wishes[::-1], lives.now, LEASE),
    ]
    begun = [serving.message for each in await asyncio.gather(*calls) for serving in each.servings]
    assert sorted(begun) == sorted(messages)


async def test_the_mail_of_an_attempt_that_takes_long_does_not_count_as_lost(lives: Lives) -> None:
    message = await lives.routed("uid 1")
    [bob] = await lives.begin(message)
    before = (await lives.state(message)).lease_until
    lives.now += LEASE / 2
    under_way = [Attempt(message, 1, ((BOB, 1),), "relay-1"), Attempt("unknown", 1, ((BOB, 1),), "relay-1")]
    await lives.store.relay.extend_attempts(under_way, lives.now, LEASE)
    assert (await lives.state(message)).lease_until == lives.now + LEASE > before
    [settled] = (await lives.end(message, outcome(bob))).settled
    assert settled.message == message
    await lives.store.relay.extend_attempts(under_way, lives.now + LEASE, LEASE)
    assert (await lives.state(message)).lease_until == lives.now + LEASE


@pytest.mark.parametrize("wish", [Attempt("m", 2, ((BOB, 1),), "r"), Attempt("m", 1, ((BOB, 0),), "r")])
async def test_an_attempt_that_is_not_the_latest_extends_no_lease(lives: Lives, wish: Attempt) -> None:
    await lives.fetch(mail("uid 1", message="m"))
    await lives.route(routed("m", BOB))
    await lives.begin("m")
    before = await lives.state("m")
    await lives.store.relay.extend_attempts([wish], lives.now + LEASE / 2, LEASE)
    assert await lives.state("m") == before


@pytest.mark.parametrize(
    "wish",
    [
        Attempt("unknown", 1, ((BOB, 0),), "relay-1"),
        Attempt("m", 2, ((BOB, 0),), "relay-1"),
        Attempt("m", 1, ((BOB, 1),), "relay-1"),
        Attempt("m", 1, ((EVE, 0),), "relay-1"),
        Attempt("m", 1, (), "relay-1"),
    ],
)
async def test_a_stale_attempt_does_not_begin(lives: Lives, wish: Attempt) -> None:
    await lives.fetch(mail("uid 1", message="m"))
    await lives.route(routed("m", BOB))
    assert await lives.store.relay.begin_attempts([wish], lives.now, LEASE) == ([], [])


async def test_a_delivered_mail_is_settled(lives: Lives) -> None:
    message = await lives.routed("uid 1", blob="blob-1")
    concluded = await lives.deliver(message)
    [settled] = concluded.settled
    assert (settled.message, settled.account, settled.fetch_no, settled.fetcher) == (
        message,
        "acme/box",
        1,
        "fetcher-1",
    )
    assert (settled.blob, settled.first_fetched_at, concluded.stale) == ("blob-1", lives.now, 0)
    state = await lives.state(message)
    assert (state.status, state.settled_at) == (MessageStatus.SETTLED, lives.now)
    assert (state.recipients[BOB].code, state.recipients[BOB].text) == ("250", "said so")


async def test_a_mail_is_settled_with_its_last_recipient(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB, EVE)
    begun = await lives.begin(message)
    assert (await lives.end(message, outcome(BOB))).settled == ()
    assert [each.address for each in begun] == [BOB, EVE]
    assert [each.message for each in (await lives.end(message, outcome(EVE))).settled] == [message]


async def test_an_outcome_counts_once(lives: Lives) -> None:
    message = await lives.routed("uid 1")
    await lives.deliver(message)
    concluded = await lives.end(message, outcome(BOB))
    assert (concluded.settled, concluded.stale) == ((), 1)
    assert (await lives.end("unknown", outcome(BOB))).stale == 1


async def test_a_deferred_recipient_is_tried_again_when_it_is_due(lives: Lives) -> None:
    message = await lives.routed("uid 1")
    await lives.begin(message)
    again_at = lives.now + 5000
    assert (await lives.end(message, outcome(BOB, DEFERRED, again_at))).settled == ()
    state = await lives.state(message)
    assert (state.recipients[BOB].status, state.recipients[BOB].next_attempt_at) == (DEFERRED, again_at)
    assert state.lease_until == again_at + LEASE
    wish = Attempt(message, 1, ((BOB, 1),), "relay-1")
    servings, [early] = await lives.store.relay.begin_attempts([wish], again_at - 1, LEASE)
    assert (servings, early.message, early.recipients) == ([], message, (state.recipients[BOB],))
    assert await lives.state(message) == state
    lives.now = again_at
    [begun] = await lives.begin(message)
    assert (begun.attempt, begun.next_attempt_at) == (2, None)


async def test_a_due_recipient_is_served_before_one_of_the_same_mail_that_is_not_due(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB, EVE)
    await lives.begin(message)
    again_at = lives.now + 60
    await lives.end(message, outcome(BOB, DEFERRED, again_at), outcome(EVE, DEFERRED, lives.now))
    wish = Attempt(message, 1, ((BOB, 1), (EVE, 1)), "relay-1")
    [serving], [early] = await lives.store.relay.begin_attempts([wish], lives.now, LEASE)
    assert [each.address for each in serving.recipients] == [EVE]
    assert [(each.address, each.next_attempt_at) for each in early.recipients] == [(BOB, again_at)]
    assert await lives.is_sound()


async def test_the_failure_of_an_older_attempt_is_ignored_and_its_success_is_recorded(lives: Lives) -> None:
    message = await lives.routed("uid 1")
    await lives.begin(message)
    await lives.end(message, outcome(BOB, DEFERRED, lives.now))
    await lives.begin(message)
    assert (await lives.end(message, outcome(BOB, PARKED), attempt=1, blob="blob-1")).stale == 1
    assert len((await lives.end(message, outcome(BOB), attempt=1)).settled) == 1


async def test_a_success_is_recorded_although_the_mail_counts_as_lost(lives: Lives) -> None:
    message = await lives.routed("uid 1")
    await lives.begin(message)
    await lives.store.maintenance.lose_all("the broker was emptied", lives.now)
    concluded = await lives.end(message, outcome(BOB))
    assert concluded.settled == ()
    assert await lives.status(message) is RecipientStatus.DELIVERED


async def test_a_parked_mail_is_settled_and_keeps_its_blob(lives: Lives) -> None:
    message = await lives.routed("uid 1")
    [settled] = (await lives.park(message)).settled
    assert (settled.message, settled.blob) == (message, None)
    state = await lives.state(message)
    assert (state.blob, state.recipients[BOB].parked_at) == ("blob-1", lives.now)
    assert await lives.is_sound()


async def test_nothing_is_parked_without_its_raw_mail(lives: Lives) -> None:
    message = await lives.routed("uid 1")
    await lives.begin(message)
    with pytest.raises(ValueError, match="raw mail"):
        await lives.end(message, outcome(BOB, PARKED))
    assert await lives.status(message) is RecipientStatus.ATTEMPTING


async def test_the_blob_may_be_deleted_when_the_parked_recipient_is_served(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB, EVE)
    await lives.begin(message)
    await lives.end(message, outcome(BOB, PARKED), outcome(EVE, PARKED), blob="blob-1")
    await lives.store.fetcher.record_gone(lives.fence, {message: "not listed"}, lives.now)
    await lives.store.operator.retry_parked(message, [BOB], None, None, lives.now)
    [first] = (await lives.deliver(message, BOB)).settled
    await lives.store.operator.retry_parked(message, [EVE], None, None, lives.now)
    [second] = (await lives.deliver(message, EVE)).settled
    assert (first.blob, second.blob) == (None, "blob-1")
    assert await lives.is_sound()


async def test_a_waiting_copy_is_suppressed_and_settled_when_the_mail_arrives(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    waiting = [await lives.routed(f"copy {n}", BOB, identity=COPY) for n in range(3)]
    concluded = await lives.deliver(first)
    assert sorted(each.message for each in concluded.settled) == sorted([first, *waiting])
    assert [await lives.status(each) for each in waiting] == [RecipientStatus.SUPPRESSED] * 3
    assert await lives.is_sound()


async def test_a_copy_that_waits_for_one_recipient_is_delivered_to_the_other(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    second = await lives.routed("uid 2", BOB, EVE, identity=COPY)
    [settled] = (await lives.deliver(first)).settled
    assert settled.message == first
    [settled] = (await lives.deliver(second, EVE)).settled
    assert settled.message == second


async def test_another_tenants_mail_does_not_end_the_wait_of_a_copy(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    second = await lives.routed("uid 2", BOB, identity=COPY)
    other = mail("uid 3")
    await lives.fetch(other._replace(tenant="other"))
    [serving], _ = await lives.route(routed(other.message, BOB, identity=COPY))
    assert serving.message == other.message
    await lives.deliver(other.message)
    assert await lives.status(second) is RecipientStatus.WAITING
    await lives.deliver(first)
    assert await lives.status(second) is RecipientStatus.SUPPRESSED


async def test_a_waiting_copy_is_fetched_again_and_delivered_when_the_mail_is_parked(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    second = await lives.routed("uid 2", BOB, identity=COPY)
    await lives.park(first)
    state = await lives.state(second)
    assert (state.status, state.recipients[BOB].status) == (MessageStatus.LOST, RecipientStatus.OPEN)
    await lives.fetch_again(second, "uid 2")
    [serving], _ = await lives.route(routed(second, BOB, identity=COPY, fetch_no=2))
    assert serving.message == second
    assert await lives.is_sound()


async def test_a_copy_that_waits_for_a_mail_that_a_rule_discards_is_served_and_the_blob_may_go(
    lives: Lives,
) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY, blob="blob-1")
    second = await lives.routed("uid 2", BOB, identity=COPY)
    await lives.begin(first)
    concluded = await lives.end(first, outcome(BOB, RecipientStatus.DISCARDED))
    assert [(each.message, each.blob) for each in concluded.settled] == [(first, "blob-1")]
    assert await lives.status(second) is RecipientStatus.OPEN
    assert await lives.is_sound()


async def test_the_failure_of_a_mail_whose_claim_passed_on_does_not_end_the_wait_of_a_copy(
    lives: Lives,
) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    [begun] = await lives.begin(first)
    lives.now += LEASE + 1
    second = await lives.routed("uid 2", BOB, identity=COPY)
    third = await lives.routed("uid 3", BOB, identity=COPY)
    await lives.end(first, outcome(BOB, PARKED), attempt=begun.attempt, blob="blob-1")
    assert (await lives.status(second), await lives.status(third)) == (
        RecipientStatus.OPEN,
        RecipientStatus.WAITING,
    )
    assert await lives.is_sound()


async def test_a_batch_may_end_a_mail_and_one_that_waits_for_it(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    second = await lives.routed("uid 2", BOB, EVE, identity=COPY)
    await lives.begin(first)
    await lives.begin(second)
    wishes = [Outcomes(second, ((outcome(EVE), 1),)), Outcomes(first, ((outcome(BOB), 1),))]
    concluded = await lives.store.relay.end_attempts(wishes, lives.now, LEASE)
    assert {each.message for each in concluded.settled} == {first, second}


async def test_a_copy_recorded_while_the_first_is_concluded_loses_no_recipient(
    lives: Lives, another: Callable[[], SqlStore]
) -> None:
    other = another()
    for number in range(10):
        first = await lives.routed(f"{number}-1", BOB, identity=f"{COPY} {number}")
        await lives.begin(first)
        second = await lives.fetched(f"{number}-2")
        ending = lives.store.relay.end_attempts([Outcomes(first, ((outcome(BOB), 1),))], lives.now, LEASE)
        coming = other.router.record_routed(
            [routed(second, BOB, identity=f"{COPY} {number}")], lives.now, LEASE
        )
        await asyncio.gather(ending, coming)
        assert await lives.status(second) is RecipientStatus.SUPPRESSED
        assert (await lives.state(second)).status is MessageStatus.SETTLED
    assert await lives.is_sound()


async def test_a_mail_that_an_operator_retries_is_overdue_at_once(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.park(message)
    assert await lives.store.maintenance.overdue_messages(lives.now, LEASE, 10) == []
    await lives.store.operator.retry_parked(message, [], None, None, lives.now)
    assert await lives.store.maintenance.overdue_messages(lives.now - 1, LEASE, 10) == []
    [found] = await lives.store.maintenance.overdue_messages(lives.now, LEASE, 10)
    assert (found.id, found.blob, found.recipients[BOB].status) == (message, "blob-1", RecipientStatus.OPEN)
    await lives.begin(message)
    assert await lives.store.maintenance.overdue_messages(lives.now, LEASE, 10) == []


async def test_a_retry_whose_relay_died_is_overdue_when_no_relay_can_be_working_on_it(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.park(message)
    await lives.store.fetcher.record_gone(lives.fence, {message: "deleted as settled"}, lives.now)
    await lives.store.operator.retry_parked(message, [], None, None, lives.now)
    await lives.begin(message)
    assert await lives.store.maintenance.overdue_messages(lives.now + LEASE - 1, LEASE, 10) == []
    assert await lives.begin(message) == []
    lives.now += LEASE
    [found] = await lives.store.maintenance.overdue_messages(lives.now, LEASE, 10)
    assert (found.id, found.recipients[BOB].status) == (message, RecipientStatus.ATTEMPTING)
    [again] = await lives.begin(message)
    assert (again.attempt, again.in_doubt) == (3, 1)
    [settled] = (await lives.end(message, outcome(BOB), attempt=3)).settled
    assert settled.blob == "blob-1"
    assert await lives.store.maintenance.overdue_messages(lives.now + 10 * LEASE, LEASE, 10) == []
    assert await lives.is_sound()


async def test_a_deferred_mail_is_overdue_when_its_event_had_enough_time(lives: Lives) -> None:
    held = await lives.routed("uid 1", blob="blob-1")
    inline = await lives.routed("uid 2")
    for message in (held, inline):
        await lives.begin(message)
        await lives.end(message, outcome(BOB, DEFERRED, lives.now + 60))
    assert await lives.store.maintenance.overdue_messages(lives.now + 60 + LEASE - 1, LEASE, 10) == []
    assert [
        each.id for each in await lives.store.maintenance.overdue_messages(lives.now + 60 + LEASE, LEASE, 10)
    ] == [held]


async def test_a_lost_mail_is_not_overdue_but_fetched_again(lives: Lives) -> None:
    message = await lives.routed("uid 1", blob="blob-1")
    await lives.begin(message)
    await lives.end(message, outcome(BOB, DEFERRED, lives.now))
    await lives.store.maintenance.lose_all("the broker was emptied", lives.now)
    assert await lives.store.maintenance.overdue_messages(lives.now + LEASE, LEASE, 10) == []
