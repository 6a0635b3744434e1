"""What cannot be attempted now comes back later, by way of the broker: its target is busy or out of reach, or
its recipients are not due yet.

No attempt is made for that, and the database is not told: it knows when each recipient is due, and decides
again when the event is back. How long an event is put off follows what it waits for, so that events do not
circle through the broker while nothing can be done about them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from services.relay.targets.circuit_breakers import CircuitBreakers
from services.relay.targets.target_queue import TargetQueues
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageRouted
from shared.contract.topology import BUSY_DELAY, Topology
from shared.custody.state import Recipient
from shared.ports.broker import Broker, Delivery, Publication, Subscription
from shared.ports.clock import Clock
from shared.runtime.checkpoints import reached
from shared.runtime.consumer import Received
from shared.runtime.metrics import Metrics

LONGEST_BUSY = 60.0
"""Seconds for which mail for a busy target is put off at most."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The recipients of an event who are not due yet. With `all_of_it` nothing else became of the event."""

    received: Received[MessageRouted]
    recipients: Sequence[Recipient]
    all_of_it: bool


class Postponement:
    """Puts events off and acknowledges what is put off whole."""

    def __init__(
        self,
        broker: Broker,
        topology: Topology,
        lanes: TargetQueues,
        circuits: CircuitBreakers,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._lanes = lanes
        self._circuits = circuits
        self._clock = clock
        self._metrics = metrics

    def has_to_wait(self, target: str) -> bool:
        """Whether no mail for `target` can be attempted now."""
        return self._circuits.is_open(target) or self._lanes.is_full(target)

    async def until_target_is_free(
        self, events: Sequence[Received[MessageRouted]], subscription: Subscription
    ) -> None:
        """Put off what has to wait for its target."""
        by_target: dict[str, list[Received[MessageRouted]]] = defaultdict(list)
        for received in events:
            by_target[received.event.target].append(received)
        publications = []
        for target, those in by_target.items():
            reason, key = self._reason_and_key(target)
            self._metrics.put_off.labels(reason=reason).inc(len(those))
            publications += [Publication(key, each.delivery.body, flow=each.event.tenant) for each in those]
        await self._publish(publications, [received.delivery for received in events], subscription)

    async def until_due(self, waiting: Sequence[Waiting], subscription: Subscription) -> None:
        """Put off what is too early, until the first of its recipients is due."""
        now = self._clock.now()
        publications = []
        for each in waiting:
            due_at = min(recipient.next_attempt_at or now for recipient in each.recipients)
            key = self._topology.retry_key(due_at - now)
            publications.append(Publication(key, _body(each), flow=each.received.event.tenant))
        self._metrics.put_off.labels(reason="early").inc(len(publications))
        whole = [each.received.delivery for each in waiting if each.all_of_it]
        await self._publish(publications, whole, subscription)

    def _reason_and_key(self, target: str) -> tuple[str, str]:
        """An open circuit is waited for until its next probe; a busy target, as long as its mails take."""
        if self._circuits.is_open(target):
            return "out", self._topology.wait_key(max(BUSY_DELAY, self._circuits.wait(target)))
        held_for = min(self._lanes.held_for(target), LONGEST_BUSY)
        return "busy", self._topology.retry_key(max(BUSY_DELAY, held_for))

    async def _publish(
        self, publications: Sequence[Publication], done: Sequence[Delivery], subscription: Subscription
    ) -> None:
        if publications:
            await self._broker.publish(publications)
            reached("relay.put-off")
            await subscription.ack(done)


def _body(waiting: Waiting) -> bytes:
    """The event for those who wait, as it came where that is all of it."""
    event = waiting.received.event
    addresses = {each.address for each in waiting.recipients}
    those = tuple(each for each in event.recipients if each.address in addresses)
    if len(those) == len(event.recipients):
        return waiting.received.delivery.body
    return EVENT_CODEC.encode_event(event.model_copy(update={"recipients": those}))
