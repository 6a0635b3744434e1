"""What the store promises the router: it records recipients once and recognises copies of a mail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from shared.adapters.sql.store import SqlStore
from shared.custody.commands import ChosenRecipient
from shared.model.message import MessageStatus, RecipientStatus
from tests.fakes.mail_lives import BOB, EVE, LEASE, Lives, mail, outcome, routed

COPY = "the same content"


async def two_copies(lives: Lives) -> tuple[str, str]:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    second = await lives.routed("uid 2", BOB, identity=COPY)
    return first, second


async def test_the_recipients_of_a_routed_mail_are_to_be_served(lives: Lives) -> None:
    message = await lives.fetched("uid 1")
    [serving], settled = await lives.route(routed(message, BOB, EVE))
    assert (serving.message, serving.target, serving.reverse_path) == (
        message,
        "exchange",
        "sender@sender.example",
    )
    assert [(each.address, each.destination, each.attempt) for each in serving.recipients] == [
        (BOB, BOB, 0),
        (EVE, EVE, 0),
    ]
    assert settled == []


async def test_the_findings_of_the_router_are_recorded(lives: Lives) -> None:
    state = await lives.state(await lives.routed("uid 1", identity=COPY))
    assert (state.status, state.identity, state.evidence) == (MessageStatus.ROUTED, COPY, "Delivered-To")
    assert (state.message_id, state.target) == (f"<{state.id}@sender.example>", "exchange")
    assert state.lease_until == lives.now + LEASE
    assert state.recipients[BOB].reason == "Delivered-To"


async def test_a_mail_of_an_older_fetch_is_dropped(lives: Lives) -> None:
    message = await lives.fetched("uid 1")
    await lives.fetch_again(message, "uid 1")
    assert await lives.route(routed(message, BOB, fetch_no=1)) == ([], [])
    assert (await lives.state(message)).status is MessageStatus.FETCHED


async def test_a_mail_of_an_older_fetch_is_not_served_in_place_of_a_newer_one(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.fetch_again(message, "uid 1")
    await lives.route(routed(message, BOB, fetch_no=2))
    assert await lives.route(routed(message, BOB, fetch_no=1)) == ([], [])


async def test_a_mail_that_was_lost_is_not_served_before_it_is_fetched_again(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.store.maintenance.lose_all("the broker was emptied", lives.now)
    assert await lives.route(routed(message, BOB)) == ([], [])


async def test_an_unknown_mail_is_dropped(lives: Lives) -> None:
    assert await lives.route(routed("unknown", BOB)) == ([], [])
    assert await lives.route() == ([], [])


async def test_a_redelivered_mail_is_served_again_and_recorded_once(lives: Lives) -> None:
    message = await lives.fetched("uid 1")
    first = await lives.route(routed(message, BOB))
    again = await lives.route(routed(message, EVE), routed(message, EVE))
    assert again == first
    assert [entry.wire_name for entry in await lives.store.operator.message_journal(message)] == [
        "journal.fetched",
        "journal.routed",
    ]


async def test_a_redelivered_event_starts_no_second_attempt_during_an_attempt(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.begin(message)
    assert await lives.route(routed(message, BOB)) == ([], [])


async def test_a_redelivered_mail_that_is_settled_is_reported_again(lives: Lives) -> None:
    message = await lives.settled("uid 1")
    servings, [settled] = await lives.route(routed(message, BOB))
    assert (servings, settled.message, settled.fetcher) == ([], message, "fetcher-1")


async def test_a_redelivered_mail_is_served_although_it_is_gone_at_the_source(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.store.fetcher.record_gone(lives.fence, {message: "deleted by somebody else"}, lives.now)
    [serving], _ = await lives.route(routed(message, BOB))
    assert [each.address for each in serving.recipients] == [BOB]


async def test_a_second_copy_waits_for_the_first(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    second = await lives.fetched("uid 2")
    assert await lives.route(routed(second, BOB, identity=COPY)) == ([], [])
    assert (await lives.status(first), await lives.status(second)) == (
        RecipientStatus.OPEN,
        RecipientStatus.WAITING,
    )


async def test_the_second_of_two_copies_in_one_batch_waits(lives: Lives) -> None:
    first, second = await lives.fetched("uid 1"), await lives.fetched("uid 2")
    [serving], _ = await lives.route(routed(first, BOB, identity=COPY), routed(second, BOB, identity=COPY))
    assert serving.message == first
    assert await lives.status(second) is RecipientStatus.WAITING
    assert await lives.is_sound()


@pytest.mark.parametrize("attempting", [True, False])
async def test_a_redelivered_mail_keeps_its_blob_for_the_recipient_that_an_operator_retried(
    lives: Lives, attempting: bool
) -> None:
    message = await lives.routed("uid 1", BOB, blob="blob-1")
    await lives.park(message)
    await lives.store.operator.retry_parked(message, [], None, None, lives.now)
    if attempting:
        await lives.begin(message)
    _, settled = await lives.route(routed(message, BOB))
    assert [each.blob for each in settled if each.blob] == []


async def test_a_copy_of_a_mail_that_an_operator_had_retried_waits_for_it(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    await lives.park(first)
    await lives.store.operator.retry_parked(first, [], None, None, lives.now)
    lives.now += 100_000
    second = await lives.routed("uid 2", BOB, identity=COPY)
    assert await lives.status(second) is RecipientStatus.WAITING
    await lives.deliver(first)
    assert await lives.status(second) is RecipientStatus.SUPPRESSED
    assert await lives.is_sound()


async def test_a_copy_of_a_mail_that_arrived_is_suppressed_and_settled_at_once(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    await lives.deliver(first)
    second = await lives.fetched("uid 2")
    servings, [settled] = await lives.route(routed(second, BOB, identity=COPY))
    assert (servings, settled.message, settled.fetch_no) == ([], second, 1)
    assert (await lives.state(second)).status is MessageStatus.SETTLED
    assert await lives.status(second) is RecipientStatus.SUPPRESSED


def minute(number: int) -> str:
    return f"one text in minute {number}"


def near(number: int) -> tuple[str, ...]:
    """The identities of the two minutes before and after, nearest first."""
    return tuple(minute(number + each) for each in (-1, 1, -2, 2))


async def test_a_copy_of_a_near_minute_is_recognised_and_one_beyond_is_another_mail(
    lives: Lives,
) -> None:
    first = await lives.routed("uid 1", BOB, identity=minute(10))
    await lives.deliver(first)
    found = []
    for uid, number in enumerate((10, 12, 8, 13, 7, 14), start=2):
        message = await lives.fetched(f"uid {uid}")
        await lives.route(routed(message, BOB, identity=minute(number))._replace(near=near(number)))
        if await lives.status(message) is RecipientStatus.OPEN:
            await lives.deliver(message)
        found.append(await lives.status(message))
    suppressed, delivered = RecipientStatus.SUPPRESSED, RecipientStatus.DELIVERED
    assert found == [suppressed, suppressed, suppressed, delivered, delivered, suppressed]
    assert await lives.is_sound()


async def test_copies_of_different_minutes_in_one_batch_are_recognised(lives: Lives) -> None:
    messages = [await lives.fetched(f"uid {number}") for number in (1, 2, 3)]
    copies = [
        routed(message, BOB, identity=minute(number))._replace(near=near(number))
        for message, number in zip(messages, (5, 6, 4), strict=True)
    ]
    servings, _ = await lives.route(*copies)
    assert [each.message for each in servings] == messages[:1]
    assert [await lives.status(each) for each in messages[1:]] == [RecipientStatus.WAITING] * 2
    await lives.deliver(messages[0])
    assert [await lives.status(each) for each in messages[1:]] == [RecipientStatus.SUPPRESSED] * 2
    assert await lives.is_sound()


async def test_a_mail_of_a_near_minute_that_is_fetched_again_keeps_its_identity(lives: Lives) -> None:
    await lives.routed("uid 1", BOB, identity=minute(5))
    copy = await lives.fetched("uid 2")
    mail = routed(copy, BOB, identity=minute(6))._replace(near=near(6))
    await lives.route(mail)
    await lives.store.maintenance.lose_all("restarted", lives.now)
    await lives.fetch_again(copy, "uid 2")
    await lives.route(mail._replace(fetch_no=2))
    assert (await lives.state(copy)).identity == minute(5)
    assert await lives.is_sound()


async def test_a_copy_is_delivered_only_to_recipients_who_lack_the_mail(lives: Lives) -> None:
    await lives.deliver(await lives.routed("uid 1", BOB, identity=COPY))
    second = await lives.fetched("uid 2")
    [serving], _ = await lives.route(routed(second, BOB, EVE, identity=COPY))
    assert [each.address for each in serving.recipients] == [EVE]


async def test_other_content_or_another_recipient_is_no_copy(lives: Lives) -> None:
    await lives.deliver(await lives.routed("uid 1", BOB, identity=COPY))
    for number, (address, identity) in enumerate([(EVE, COPY), (BOB, "other content")], start=2):
        message = await lives.fetched(f"uid {number}")
        [serving], _ = await lives.route(routed(message, address, identity=identity))
        assert serving.message == message


async def test_a_copy_takes_over_from_one_whose_lease_ran_out(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    lives.now += LEASE + 1
    second = await lives.fetched("uid 2")
    [serving], _ = await lives.route(routed(second, BOB, identity=COPY))
    assert serving.message == second
    await lives.fetch_again(first, "uid 1")
    await lives.route(routed(first, BOB, identity=COPY, fetch_no=2))
    assert await lives.status(first) is RecipientStatus.WAITING
    assert await lives.is_sound()


@pytest.mark.parametrize("before", [RecipientStatus.OPEN, RecipientStatus.DEFERRED])
async def test_a_late_event_serves_no_recipient_whose_claim_a_copy_has_taken_over(
    lives: Lives, before: RecipientStatus
) -> None:
    first = await lives.routed("uid 1", BOB, EVE, identity=COPY)
    if before is RecipientStatus.DEFERRED:
        await lives.begin(first)
        again = [outcome(each, RecipientStatus.DEFERRED, lives.now + 1) for each in (BOB, EVE)]
        await lives.end(first, *again)
    lives.now += LEASE + 2
    second = await lives.routed("uid 2", BOB, identity=COPY)
    assert await lives.status(second) is RecipientStatus.OPEN
    assert await lives.begin(first) == []
    await lives.fetch_again(first, "uid 1")
    [serving], _ = await lives.route(routed(first, BOB, EVE, identity=COPY, fetch_no=2))
    assert [each.address for each in serving.recipients] == [EVE]
    assert await lives.status(first) is RecipientStatus.WAITING
    assert await lives.is_sound()


async def test_a_copy_takes_over_one_recipient_of_a_mail_whose_event_still_serves_the_other(
    lives: Lives,
) -> None:
    first = await lives.routed("uid 1", BOB, EVE, identity=COPY)
    await lives.store.fetcher.record_gone(lives.fence, {first: "not listed"}, lives.now)
    lives.now += LEASE + 1
    await lives.routed("uid 2", BOB, identity=COPY)
    assert EVE in [each.address for each in await lives.begin(first)]


async def test_a_copy_takes_over_from_one_that_is_gone_or_lost(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, identity=COPY)
    lives.now += LEASE
    await lives.store.fetcher.record_gone(lives.fence, {first: "not listed"}, lives.now)
    second = await lives.routed("uid 2", BOB, identity=COPY)
    assert await lives.status(second) is RecipientStatus.OPEN
    await lives.store.maintenance.lose_all("the broker was emptied", lives.now)
    third = await lives.routed("uid 3", BOB, identity=COPY)
    assert await lives.status(third) is RecipientStatus.OPEN


async def test_a_copy_that_waits_keeps_its_lease_as_long_as_the_one_it_waits_for(lives: Lives) -> None:
    first = await lives.fetched("uid 1")
    await lives.store.router.record_routed([routed(first, BOB, identity=COPY)], lives.now, LEASE * 3)
    second = await lives.routed("uid 2", BOB, identity=COPY)
    assert (await lives.state(second)).lease_until == lives.now + LEASE * 3


async def test_a_mail_fetched_again_keeps_its_own_claim(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB, identity=COPY)
    await lives.fetch_again(message, "uid 1")
    [serving], _ = await lives.route(routed(message, BOB, identity=COPY, fetch_no=2))
    assert [each.address for each in serving.recipients] == [BOB]


async def test_a_copy_sees_the_claim_of_a_mail_fetched_again_in_the_same_batch(lives: Lives) -> None:
    holder = await lives.routed("uid 1", BOB, identity=COPY)
    await lives.fetch_again(holder, "uid 1")
    copy = await lives.fetched("uid 2")
    [serving], _ = await lives.route(
        routed(copy, BOB, identity=COPY), routed(holder, BOB, identity=COPY, fetch_no=2)
    )
    assert serving.message == holder
    assert await lives.status(copy) is RecipientStatus.WAITING
    assert await lives.is_sound()


async def test_recipients_who_have_the_mail_are_not_served_when_it_is_fetched_again(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB, EVE)
    await lives.deliver(message, BOB)
    await lives.fetch_again(message, "uid 1")
    [serving], _ = await lives.route(routed(message, BOB, EVE, fetch_no=2))
    assert [each.address for each in serving.recipients] == [EVE]


@pytest.mark.parametrize("loses", ["the broker", "its lease"])
async def test_a_mail_that_comes_again_is_not_tried_before_its_retry_is_due(lives: Lives, loses: str) -> None:
    message = await lives.routed("uid 1", BOB, EVE)
    await lives.begin(message)
    again_at = lives.now + 5000
    await lives.end(message, outcome(BOB, RecipientStatus.DEFERRED, again_at), outcome(EVE))
    if loses == "the broker":
        await lives.store.maintenance.lose_all("the broker was emptied", lives.now)
    await lives.fetch_again(message, "uid 1")
    [serving], _ = await lives.route(routed(message, BOB, EVE, fetch_no=2))
    assert [(each.address, each.attempt) for each in serving.recipients] == [(BOB, 1)]
    state = await lives.state(message)
    assert (state.recipients[BOB].status, state.recipients[BOB].text) == (RecipientStatus.DEFERRED, "said so")
    assert (state.recipients[BOB].next_attempt_at, state.lease_until) == (again_at, again_at + LEASE)
    assert await lives.begin(message, fetch_no=2) == []
    lives.now = again_at
    [begun] = await lives.begin(message, fetch_no=2)
    assert begun.attempt == 2
    assert await lives.is_sound()


async def test_a_deferred_mail_fetched_again_takes_its_claim_from_a_copy_that_vanished(lives: Lives) -> None:
    message = await lives.routed("uid 1", identity=COPY)
    await lives.begin(message)
    await lives.end(message, outcome(BOB, RecipientStatus.DEFERRED, lives.now + 5000))
    await lives.store.maintenance.lose_all("the broker was emptied", lives.now)
    copy = await lives.routed("uid 2", identity=COPY)
    await lives.store.maintenance.lose_all("the broker was emptied", lives.now)
    await lives.fetch_again(message, "uid 1")
    await lives.route(routed(message, BOB, identity=COPY, fetch_no=2))
    assert await lives.status(message) is RecipientStatus.DEFERRED
    await lives.fetch_again(copy, "uid 2")
    await lives.route(routed(copy, BOB, identity=COPY, fetch_no=2))
    assert await lives.status(copy) is RecipientStatus.WAITING
    assert await lives.is_sound()


async def test_a_mail_fetched_again_is_settled_when_every_recipient_is_done(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    begun = await lives.begin(message)
    await lives.fetch_again(message, "uid 1")
    await lives.end(message, outcome(begun[0]))
    servings, [settled] = await lives.route(routed(message, BOB, fetch_no=2))
    assert (servings, settled.message, settled.fetch_no) == ([], message, 2)


async def test_a_mail_without_any_recipient_is_parked_and_settled(lives: Lives) -> None:
    message = await lives.fetched("uid 1")
    servings, [settled] = await lives.route(routed(message, park_reason="51 Received fields", blob="blob-1"))
    assert (servings, settled.message, settled.blob) == ([], message, None)
    [parked] = await lives.store.operator.parked_recipients()
    assert (parked.message.id, parked.recipient.reason, parked.message.blob) == (
        message,
        "51 Received fields",
        "blob-1",
    )


async def test_hostile_text_loses_no_mail(lives: Lives) -> None:
    message = await lives.fetched("uid 1")
    address = "b\0b\udc80" + "x" * 5000 + "@corp.example"
    wish = routed(message, address, identity="\0" * 4000, park_reason=None)
    [serving], _ = await lives.route(wish)
    [recipient] = serving.recipients
    assert len(await lives.begin(message)) == 1
    concluded = await lives.end(message, outcome(address))
    assert [each.message for each in concluded.settled] == [message]
    assert recipient.address.startswith(r"b\u0000b\udc80xxx")
    assert await lives.is_sound()


async def test_copies_routed_by_many_processes_at_once_are_served_once(
    lives: Lives, another: Callable[[], SqlStore]
) -> None:
    stores = [lives.store, another(), another()]
    for number in range(4):
        messages = await lives.fetch(*(mail(f"{number}-{n}") for n in range(9)))
        identities = [f"{COPY} {number} {n % 3}" for n in range(9)]
        wishes = [
            routed(each, BOB, EVE, identity=same) for each, same in zip(messages, identities, strict=True)
        ]
        batches = [wishes[0:3], wishes[5:2:-1], wishes[6:9]]
        calls = [
            each.router.record_routed(batch, lives.now, LEASE)
            for each, batch in zip(stores, batches, strict=True)
        ]
        results = await asyncio.gather(*calls)
        served = [
            (identities[messages.index(serving.message)], each.address)
            for servings, _ in results
            for serving in servings
            for each in serving.recipients
        ]
        assert sorted(served) == sorted((same, address) for same in set(identities) for address in (BOB, EVE))
    assert await lives.is_sound()


async def test_a_recipient_can_be_parked_from_the_start_beside_one_who_is_served(lives: Lives) -> None:
    message = await lives.fetched("uid 1")
    unknown = ChosenRecipient(EVE, EVE, "there is no such mailbox", parked=True)
    wish = routed(message, BOB, identity=COPY, blob="mail/1")
    [serving], _ = await lives.route(wish._replace(recipients=(*wish.recipients, unknown)))
    assert [each.address for each in serving.recipients] == [BOB]
    assert await lives.status(message, EVE) is RecipientStatus.PARKED
    [settled] = (await lives.deliver(message)).settled
    assert settled.blob is None
    assert [each.recipient.reason for each in await lives.store.operator.parked_recipients()] == [
        "there is no such mailbox"
    ]
    assert await lives.is_sound()
