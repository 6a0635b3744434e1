"""What the broker's port promises, asked of every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.contract.topology import (
    FETCHED_KEY,
    RELAY_QUEUE,
    RETRY_KEY_PREFIX,
    ROUTED_KEY,
    ROUTER_QUEUE,
    settled_key,
)
from shared.ports.broker import Broker, BrokerUnavailable, Delivery, Publication, Subscription, Unroutable

LONG = 60.0
"""Seconds that no test waits for: what is tested ends the waiting before."""


def fetched(*bodies: bytes) -> list[Publication]:
    return [Publication(FETCHED_KEY, body) for body in bodies]


def bodies(deliveries: Sequence[Delivery]) -> list[bytes]:
    return [delivery.body for delivery in deliveries]


async def publish_apart(broker: Broker, *bodies: bytes) -> None:
    """Events that have nothing to do with one another: each comes and is settled alone."""
    for body in bodies:
        await broker.publish(fetched(body))


async def take(subscription: Subscription, count: int) -> list[Delivery]:
    """Exactly `count` deliveries, unsettled."""
    taken: list[Delivery] = []
    while len(taken) < count:
        taken += await subscription.batch(count - len(taken), 0)
    return taken


async def all_waiting(broker: Broker, queue: str = ROUTER_QUEUE) -> list[Delivery]:
    """Everything that waits in a queue, in order, found by a last event sent after it."""
    key = {ROUTER_QUEUE: FETCHED_KEY, RELAY_QUEUE: ROUTED_KEY}[queue]
    await broker.publish([Publication(key, b"the last")])
    found: list[Delivery] = []
    async with broker.subscribe(queue, 100) as subscription:
        while b"the last" not in bodies(found):
            found += await subscription.batch(100, 0)
        await subscription.ack(found)
    return [delivery for delivery in found if delivery.body != b"the last"]


async def test_an_event_reaches_the_queue_of_its_key(broker: Broker) -> None:
    await broker.publish(
        [Publication(FETCHED_KEY, b"to the router"), Publication(ROUTED_KEY, b"to the relay")]
    )

    assert bodies(await all_waiting(broker, ROUTER_QUEUE)) == [b"to the router"]
    assert bodies(await all_waiting(broker, RELAY_QUEUE)) == [b"to the relay"]


async def test_events_arrive_whole_and_in_their_order(broker: Broker) -> None:
    sent = [b"", b"\x00\xff", b"x" * 300_000, b"y"]
    await broker.publish(fetched(*sent))

    assert bodies(await all_waiting(broker)) == sent


async def test_publishing_nothing_is_no_error(broker: Broker) -> None:
    await broker.publish([])


async def test_more_than_any_window_is_published_in_one_call(broker: Broker) -> None:
    sent = [b"%d" % number for number in range(2500)]
    await broker.publish(fetched(*sent))

    async with broker.subscribe(ROUTER_QUEUE, 500) as subscription:
        received: list[bytes] = []
        while len(received) < len(sent):
            batch = await subscription.batch(200, 0.01)
            received += bodies(batch)
            await subscription.ack(batch)
    assert received == sent


async def test_a_batch_takes_no_more_than_its_limit(broker: Broker) -> None:
    await broker.publish(fetched(b"1", b"2", b"3"))

    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        assert len(await subscription.batch(2, LONG)) == 2
        assert len(await subscription.batch(1, LONG)) == 1


async def test_a_batch_gives_what_there_is_when_the_linger_is_over(broker: Broker) -> None:
    await broker.publish(fetched(b"alone"))

    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        assert bodies(await subscription.batch(10, 0.01)) == [b"alone"]


async def test_a_batch_lingers_for_later_deliveries_until_it_is_full(broker: Broker) -> None:
    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        batch = asyncio.ensure_future(subscription.batch(3, LONG))
        for body in (b"1", b"2", b"3"):
            assert not batch.done()
            await broker.publish(fetched(body))
        assert bodies(await batch) == [b"1", b"2", b"3"]


async def test_a_batch_waits_for_the_first_delivery(broker: Broker) -> None:
    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        batch = asyncio.ensure_future(subscription.batch(10, 0))
        await asyncio.sleep(0)
        await broker.publish(fetched(b"late"))
        assert bodies(await batch) == [b"late"]


async def test_a_cancelled_batch_loses_nothing(broker: Broker) -> None:
    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        for batch in (subscription.batch(10, LONG), subscription.batch(10, LONG)):
            waiting = asyncio.ensure_future(batch)
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
        await broker.publish(fetched(b"1", b"2"))
        assert bodies(await take(subscription, 2)) == [b"1", b"2"]


async def test_a_consumer_never_holds_more_than_its_prefetch(broker: Broker) -> None:
    async with broker.subscribe(ROUTER_QUEUE, 2) as small:
        await publish_apart(broker, b"1", b"2", b"3", b"4")
        held = await take(small, 2)
        async with broker.subscribe(ROUTER_QUEUE, 10) as large:
            assert bodies(await take(large, 2)) == [b"3", b"4"]
            await publish_apart(broker, b"5")
            assert bodies(await take(large, 1)) == [b"5"]
        assert bodies(held) == [b"1", b"2"]


async def test_an_acknowledgement_makes_room_for_the_next(broker: Broker) -> None:
    await publish_apart(broker, b"1", b"2")

    async with broker.subscribe(ROUTER_QUEUE, 1) as subscription:
        first = await take(subscription, 1)
        await subscription.ack(first)
        assert bodies(first + await take(subscription, 1)) == [b"1", b"2"]


async def test_a_consumer_is_full_until_something_that_it_holds_is_settled(broker: Broker) -> None:
    async with broker.subscribe(ROUTER_QUEUE, 2) as subscription:
        room = [not subscription.is_full]
        await publish_apart(broker, b"1", b"2")
        held = await take(subscription, 2)
        room.append(not subscription.is_full)
        await subscription.ack(held[:1])
        room.append(not subscription.is_full)
        assert room == [True, False, True]


async def test_a_prefetch_of_nothing_is_refused(broker: Broker) -> None:
    with pytest.raises(ValueError, match="at least one"):
        async with broker.subscribe(ROUTER_QUEUE, 0):
            pass


async def test_what_was_acknowledged_does_not_come_again(broker: Broker) -> None:
    await broker.publish(fetched(b"1", b"2"))

    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        await subscription.ack(await take(subscription, 2))

    assert await all_waiting(broker) == []


async def test_what_a_closed_subscription_held_comes_again_as_redelivered(broker: Broker) -> None:
    await publish_apart(broker, b"taken", b"not even taken")

    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        first = await take(subscription, 1)

    again = await all_waiting(broker)
    assert [delivery.redelivered for delivery in first] == [False]
    assert bodies(again) == [b"taken", b"not even taken"]
    assert again[0].redelivered


async def test_what_was_requeued_comes_again_as_redelivered(broker: Broker) -> None:
    await publish_apart(broker, b"poison", b"good")

    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        both = await take(subscription, 2)
        await subscription.requeue(both[:1])
        again = await take(subscription, 1)
        assert (again[0].body, again[0].redelivered) == (b"poison", True)
        await subscription.ack([*again, *both[1:]])

    assert await all_waiting(broker) == []


async def test_only_what_is_named_is_acknowledged(broker: Broker) -> None:
    await publish_apart(broker, b"1", b"2", b"3", b"4", b"5")

    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        held = await take(subscription, 5)
        await subscription.ack([held[4], held[0], held[2]])

    assert bodies(await all_waiting(broker)) == [b"2", b"4"]


async def test_of_events_published_together_the_unsettled_ones_come_again(broker: Broker) -> None:
    await broker.publish(fetched(b"1", b"2", b"3"))

    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        held = await take(subscription, 3)
        await subscription.ack(held[:2])
        await subscription.requeue(held[2:])
        again = await take(subscription, 1)
        while b"3" not in bodies(again):
            again += await take(subscription, 1)
        assert all(delivery.redelivered for delivery in again)
        await subscription.ack(again)

    assert await all_waiting(broker) == []


async def test_settling_twice_is_harmless(broker: Broker) -> None:
    await publish_apart(broker, b"1", b"2")

    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        held = await take(subscription, 2)
        await subscription.ack(held[:1])
        await subscription.ack(held[:1])
        await subscription.requeue(held[:1])
        await publish_apart(broker, b"3")
        assert bodies(await take(subscription, 1)) == [b"3"]

    assert bodies(await all_waiting(broker)) == [b"2", b"3"]


async def test_a_delivery_of_an_earlier_subscription_settles_nothing(broker: Broker) -> None:
    await broker.publish(fetched(b"1"))
    async with broker.subscribe(ROUTER_QUEUE, 10) as earlier:
        stale = await take(earlier, 1)

    async with broker.subscribe(ROUTER_QUEUE, 10) as later:
        await take(later, 1)
        await later.ack(stale)
        await earlier.ack(stale)

    assert bodies(await all_waiting(broker)) == [b"1"]


async def test_two_consumers_share_a_queue(broker: Broker) -> None:
    async with broker.subscribe(ROUTER_QUEUE, 1) as one, broker.subscribe(ROUTER_QUEUE, 1) as other:
        await publish_apart(broker, b"1", b"2")
        assert sorted(bodies(await take(one, 1) + await take(other, 1))) == [b"1", b"2"]


async def test_an_unroutable_event_is_an_error_and_the_others_have_gone_out(broker: Broker) -> None:
    lost = Publication("message.unknown", b"lost")
    with pytest.raises(Unroutable, match=r"message\.unknown") as caught:
        await broker.publish([*fetched(b"1"), lost, *fetched(b"2")])

    assert caught.value.publications == (lost,)
    assert caught.value.temporary
    assert bodies(await all_waiting(broker)) == [b"1", b"2"]


async def test_an_unroutable_event_is_the_error_of_its_own_publisher_only(broker: Broker) -> None:
    results = await asyncio.gather(
        broker.publish(fetched(b"1")),
        broker.publish([Publication("message.unknown", b"")]),
        broker.publish(fetched(b"2")),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [type(None), Unroutable, type(None)]


async def test_a_hint_for_nobody_is_no_error(broker: Broker) -> None:
    await broker.publish([Publication(settled_key("nobody"), b"", mandatory=False)])


async def test_a_fetcher_gets_its_own_hints_only(broker: Broker) -> None:
    async with broker.subscribe_hints("one", 10) as one, broker.subscribe_hints("other", 10) as other:
        await broker.publish(
            [
                Publication(settled_key("one"), b"for one", mandatory=False),
                Publication(settled_key("other"), b"for the other", mandatory=False),
            ]
        )
        assert bodies(await take(one, 1) + await take(other, 1)) == [b"for one", b"for the other"]


async def test_the_queue_of_hints_ends_with_its_subscription(broker: Broker) -> None:
    async with broker.subscribe_hints("one", 10):
        await broker.publish([Publication(settled_key("one"), b"somebody is there")])

    with pytest.raises(Unroutable):
        await broker.publish([Publication(settled_key("one"), b"nobody is there")])


async def test_a_delayed_event_comes_back_to_the_relay(broker: Broker) -> None:
    await broker.publish([Publication(f"{RETRY_KEY_PREFIX}1", b"later")])

    async with broker.subscribe(RELAY_QUEUE, 10) as subscription:
        delayed = await take(subscription, 1)
    assert bodies(delayed) == [b"later"]


async def test_a_long_delay_does_not_hold_up_a_short_one(broker: Broker) -> None:
    await broker.publish([Publication(f"{RETRY_KEY_PREFIX}{delay}", b"%d" % delay) for delay in (3600, 1)])

    async with broker.subscribe(RELAY_QUEUE, 10) as subscription:
        assert bodies(await take(subscription, 1)) == [b"1"]


async def test_a_queue_that_the_topology_lacks_cannot_be_consumed(broker: Broker) -> None:
    with pytest.raises(KeyError):
        async with broker.subscribe("no such queue", 1):
            pass


async def test_a_broker_in_use_has_no_problem(broker: Broker) -> None:
    await broker.publish(fetched(b"1"))

    assert broker.problem() is None


async def test_a_closed_broker_refuses_and_says_why(broker: Broker) -> None:
    await broker.close()
    await broker.close()

    with pytest.raises(BrokerUnavailable, match="closed"):
        await broker.publish(fetched(b"1"))
    assert "closed" in str(broker.problem())
    with pytest.raises(BrokerUnavailable, match="closed"):
        async with broker.subscribe(ROUTER_QUEUE, 1):
            pass


async def test_the_queues_tell_what_waits_in_them_and_who_consumes(broker: Broker) -> None:
    async def state(queue: str) -> tuple[int, int]:
        [found] = [each for each in await broker.queue_states() if each.name == queue]
        return found.messages, found.consumers

    await publish_apart(broker, b"a", b"b")
    await broker.publish([Publication(ROUTED_KEY, b"c")])
    assert await state(ROUTER_QUEUE) == (2, 0)
    async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        await subscription.ack(await take(subscription, 2))
        assert await state(ROUTER_QUEUE) == (0, 1)
    assert (await state(RELAY_QUEUE))[0] == 1
