from __future__ import annotations

import asyncio
from asyncio import Task
from collections.abc import Sequence

import pytest

from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageSettled, Record
from shared.contract.topology import DEAD_QUEUE, RELAY_QUEUE, ROUTED_KEY, topology
from shared.ports.broker import Publication, Subscription
from shared.ports.store import StoreUnavailable
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.consumer import Consumer, Received
from shared.runtime.stop import Stop
from tests.fakes.clock import ManualClock

PLAN = topology([60])
POLICY = BatchPolicy(prefetch=10, batch=10, linger=0.01)


def event(message: str) -> Publication:
    settled = MessageSettled(messages=(message,))
    return Publication(ROUTED_KEY, EVENT_CODEC.encode(settled))


class Handler:
    """Acknowledges all but batches with a `poison`; asks for the end after `most` events."""

    def __init__(self, stop: Stop, most: int, poison: str = "", error: Exception | None = None) -> None:
        self._stop = stop
        self._most = most
        self._poison = poison
        self._error = error
        self.handled: list[str] = []

    async def __call__(self, batch: Sequence[Received[MessageSettled]], subscription: Subscription) -> None:
        messages = [received.event.messages[0] for received in batch]
        if self._error is not None and self._poison in messages:
            error = self._error
            if isinstance(error, StoreUnavailable):
                self._error = None
            raise error
        self.handled += messages
        await subscription.ack([received.delivery for received in batch])
        if len(self.handled) == self._most:
            self._stop.request("all is done")


async def consumed(broker: MemoryBroker, handler: Handler, stop: Stop) -> None:
    await Consumer(broker, RELAY_QUEUE, MessageSettled, POLICY, handler, SystemClock()).run(stop)


async def test_an_event_over_which_its_handler_stumbles_is_dead_and_blocks_no_other() -> None:
    stop, broker = Stop(), MemoryBroker(PLAN, SystemClock())
    handler = Handler(stop, 3, "poison", KeyError("an unexpected error"))
    await broker.publish([event("a"), event("poison"), event("b"), event("c")])
    await consumed(broker, handler, stop)
    assert handler.handled == ["a", "b", "c"]
    async with broker.subscribe(DEAD_QUEUE, 10) as subscription:
        dead = [EVENT_CODEC.decode(each.body) for each in await subscription.batch(10, 0.01)]
    assert dead == [EVENT_CODEC.decode(event("poison").body)]


async def test_events_that_cannot_be_handled_for_now_are_requeued() -> None:
    stop, broker = Stop(), MemoryBroker(PLAN, SystemClock())
    handler = Handler(stop, 2, "a", StoreUnavailable("the database is away"))
    await broker.publish([event("a"), event("b")])
    await consumed(broker, handler, stop)
    assert handler.handled == ["a", "b"]


async def test_what_is_no_event_is_dead_at_once() -> None:
    stop, broker = Stop(), MemoryBroker(PLAN, SystemClock())
    handler = Handler(stop, 1)
    await broker.publish([Publication(ROUTED_KEY, b"no event"), event("a")])
    await consumed(broker, handler, stop)
    async with broker.subscribe(DEAD_QUEUE, 10) as subscription:
        assert [each.body for each in await subscription.batch(10, 0.01)] == [b"no event"]


async def test_an_event_whose_decoding_fails_unexpectedly_is_dead_and_blocks_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = EVENT_CODEC.decode

    def failing(data: bytes) -> Record:
        if data == b"strange":
            raise KeyError("an unexpected error")
        return read(data)

    monkeypatch.setattr(EVENT_CODEC, "decode", failing)
    stop, broker = Stop(), MemoryBroker(PLAN, SystemClock())
    handler = Handler(stop, 1)
    await broker.publish([Publication(ROUTED_KEY, b"strange"), event("a")])
    await consumed(broker, handler, stop)
    assert handler.handled == ["a"]
    async with broker.subscribe(DEAD_QUEUE, 10) as subscription:
        assert [each.body for each in await subscription.batch(10, 0.01)] == [b"strange"]


async def test_what_was_no_event_is_dead_once_though_the_others_are_handled_one_by_one() -> None:
    stop, broker = Stop(), MemoryBroker(PLAN, SystemClock())
    handler = Handler(stop, 2, "poison", KeyError("an unexpected error"))
    await broker.publish([Publication(ROUTED_KEY, b"no event"), event("a"), event("poison"), event("b")])
    await consumed(broker, handler, stop)
    async with broker.subscribe(DEAD_QUEUE, 10) as subscription:
        dead = [each.body for each in await subscription.batch(10, 0.01)]
    assert dead == [b"no event", event("poison").body]


async def test_a_database_that_goes_away_costs_a_batch_one_pause_and_not_one_for_each_event() -> None:
    """Also where the batch was just being handled one by one."""
    stop, clock = Stop(), ManualClock()
    broker = MemoryBroker(PLAN, clock)
    has_failed = False
    asked: list[list[str]] = []

    async def handle(batch: Sequence[Received[MessageSettled]], subscription: Subscription) -> None:
        nonlocal has_failed
        asked.append([received.event.messages[0] for received in batch])
        if not has_failed:
            has_failed = True
            raise KeyError("an unexpected error")
        if len(asked) < 4:
            raise StoreUnavailable("the database is away")
        stop.request("all is done")

    await broker.publish([event("a"), event("b"), event("c")])
    policy = BatchPolicy(prefetch=10, batch=10, linger=0)
    work = asyncio.ensure_future(
        Consumer(broker, RELAY_QUEUE, MessageSettled, policy, handle, clock).run(stop)
    )
    await clock.somebody_sleeps()
    assert asked == [["a", "b", "c"], ["a"]]
    await clock.advance(0.5)
    assert asked[2:] == [["a", "b", "c"]]
    await clock.advance(1)
    await work
    assert asked[3:] == [["a", "b", "c"]]


async def test_a_single_event_of_another_flow_is_handled_while_a_batch_is_active() -> None:
    stop, broker = Stop(), MemoryBroker(PLAN, SystemClock())
    single_is_done = asyncio.Event()
    order: list[str] = []

    async def handle(batch: Sequence[Received[MessageSettled]], subscription: Subscription) -> None:
        if batch[0].event.messages[0].startswith("many"):
            await broker.publish([event("single")])
            await single_is_done.wait()
        order.append(batch[0].event.messages[0])
        if batch[0].event.messages[0] == "single":
            single_is_done.set()
        else:
            stop.request("all is done")

    await broker.publish([event(f"many{number}") for number in range(5)])
    async with asyncio.timeout(60):
        await Consumer(
            broker,
            RELAY_QUEUE,
            MessageSettled,
            POLICY,
            handle,
            SystemClock(),
            flow_of=lambda event: event.messages[0][:4],
        ).run(stop)
    assert order == ["single", "many0"]


class Slow:
    """Handles everything in the background that is called `slow`, and finishes that when it is let."""

    def __init__(self, broker: MemoryBroker, stop: Stop, *errors: Exception) -> None:
        self.may_end = asyncio.Event()
        self.handled: list[str] = []
        self.consumer = Consumer(broker, RELAY_QUEUE, MessageSettled, POLICY, self.handle, SystemClock())
        self._stop = stop
        self._errors = list(errors)

    async def handle(self, batch: Sequence[Received[MessageSettled]], subscription: Subscription) -> None:
        slow = [each for each in batch if each.event.messages[0] == "slow"]
        await self._done([each for each in batch if each not in slow], subscription)
        if slow:
            self.consumer.handle_in_background(slow, subscription, self.handle_slowly)

    async def handle_slowly(
        self, batch: Sequence[Received[MessageSettled]], subscription: Subscription
    ) -> None:
        await self.may_end.wait()
        if self._errors:
            raise self._errors.pop()
        await self._done(batch, subscription)

    async def _done(self, batch: Sequence[Received[MessageSettled]], subscription: Subscription) -> None:
        self.handled += [received.event.messages[0] for received in batch]
        await subscription.ack([received.delivery for received in batch])
        if "last" in self.handled:
            self._stop.request("enough")
            self.may_end.set()


async def test_what_runs_in_the_background_holds_nothing_up_and_is_finished_before_the_end() -> None:
    stop, broker = Stop(), MemoryBroker(PLAN, SystemClock())
    slow = Slow(broker, stop)
    await broker.publish([event("slow"), event("a")])
    work = asyncio.ensure_future(slow.consumer.run(stop))
    await broker.publish([event("last")])
    await work
    assert slow.handled == ["a", "last", "slow"]


async def test_what_runs_in_the_background_is_requeued_or_dead_like_anything_else() -> None:
    stop, broker = Stop(), MemoryBroker(PLAN, SystemClock())
    slow = Slow(broker, stop, KeyError("an unexpected error"))
    await broker.publish([event("slow"), event("last")])
    await slow.consumer.run(stop)
    assert slow.handled == ["last"]
    async with broker.subscribe(DEAD_QUEUE, 10) as subscription:
        assert len(await subscription.batch(10, 0.01)) == 1

    stop = Stop()
    away = Slow(broker, stop, StoreUnavailable("the database is away"))
    await broker.publish([event("slow"), event("last")])
    await away.consumer.run(stop)
    async with broker.subscribe(RELAY_QUEUE, 10) as subscription:
        (again,) = await subscription.batch(10, 0.01)
    assert (again.body, again.redelivered) == (event("slow").body, True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class Batches:
    """Notes how large the batches are, and asks for the end after `most` events."""

    def __init__(self, most: int) -> None:
        self.stop = Stop()
        self._most = most
        self.sizes: list[int] = []

    async def __call__(self, batch: Sequence[Received[MessageSettled]], subscription: Subscription) -> None:
        self.sizes.append(len(batch))
        await subscription.ack([received.delivery for received in batch])
        if sum(self.sizes) == self._most:
            self.stop.request("all is done")


def consuming(broker: MemoryBroker, clock: ManualClock, batches: Batches, prefetch: int = 100) -> Task[None]:
    policy = BatchPolicy(prefetch=prefetch, batch=20, linger=0, fill_wait=0.5)
    consumer = Consumer(broker, RELAY_QUEUE, MessageSettled, policy, batches, clock)
    return asyncio.create_task(consumer.run(batches.stop))


async def test_a_large_backlog_waits_a_while_for_a_full_batch(clock: ManualClock) -> None:
    broker, batches = MemoryBroker(PLAN, clock), Batches(15)
    work = consuming(broker, clock, batches)
    await broker.publish([event(f"{number}") for number in range(15)])
    await clock.somebody_sleeps()
    assert not batches.sizes
    await clock.advance(0.5)
    await work
    assert batches.sizes == [15]


async def test_a_small_backlog_does_not_wait_for_a_full_batch(clock: ManualClock) -> None:
    broker, batches = MemoryBroker(PLAN, clock), Batches(2)
    await broker.publish([event("a"), event("b")])
    await consuming(broker, clock, batches)
    assert batches.sizes == [2]


async def test_a_batch_that_is_full_waits_no_longer(clock: ManualClock) -> None:
    broker, batches = MemoryBroker(PLAN, clock), Batches(20)
    work = consuming(broker, clock, batches)
    await broker.publish([event(f"first {number}") for number in range(15)])
    await clock.somebody_sleeps()
    await broker.publish([event(f"then {number}") for number in range(5)])
    await work
    assert batches.sizes == [20]


async def test_a_batch_that_cannot_become_full_does_not_wait(clock: ManualClock) -> None:
    """The broker gives no more than is allowed to be unsettled."""
    broker, batches = MemoryBroker(PLAN, clock), Batches(30)
    await broker.publish([event(f"{number}") for number in range(30)])
    await consuming(broker, clock, batches, prefetch=15)
    assert batches.sizes == [15, 15]
