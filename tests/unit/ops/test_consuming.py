from __future__ import annotations

from collections.abc import Sequence

from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageSettled
from shared.contract.topology import DEAD_QUEUE, RELAY_QUEUE, ROUTED_KEY, topology
from shared.ops.consuming import Appetite, Consumer, Received
from shared.ops.stopping import Stop
from shared.ports.broker import Publication, Subscription
from shared.ports.store import StoreUnavailable

PLAN = topology([60])
APPETITE = Appetite(prefetch=10, batch=10, linger=0.01)


def event(message: str) -> Publication:
    settled = MessageSettled(message=message, account="acme/bob", fetch_no=1)
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
        messages = [received.event.message for received in batch]
        if self._error is not None and self._poison in messages:
            error = self._error
            if isinstance(error, StoreUnavailable):
                self._error = None
            raise error
        self.handled += messages
        await subscription.ack([received.delivery for received in batch])
        if len(self.handled) == self._most:
            self._stop.ask("all is done")


async def consumed(broker: MemoryBroker, handler: Handler, stop: Stop) -> None:
    await Consumer(broker, RELAY_QUEUE, MessageSettled, APPETITE, handler, SystemClock()).run(stop)


async def test_an_event_over_which_its_handler_stumbles_is_dead_and_blocks_no_other() -> None:
    stop, broker = Stop(), MemoryBroker(PLAN, SystemClock())
    handler = Handler(stop, 3, "poison", KeyError("nobody thought of this"))
    await broker.publish([event("a"), event("poison"), event("b"), event("c")])
    await consumed(broker, handler, stop)
    assert handler.handled == ["a", "b", "c"]
    async with broker.subscribe(DEAD_QUEUE, 10) as subscription:
        dead = [EVENT_CODEC.decode(each.body) for each in await subscription.batch(10, 0.01)]
    assert dead == [EVENT_CODEC.decode(event("poison").body)]


async def test_what_cannot_be_handled_for_the_time_being_is_handed_back() -> None:
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
