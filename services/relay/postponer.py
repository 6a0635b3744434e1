"""Postpones events that cannot be attempted now: they come back later from a delay queue of the broker.

The target is busy or out of reach, or the recipients are not due yet. No attempt is made, and the database is
not changed: it knows when each recipient is due, and decides again when the event is back. The delay follows
the reason, so that events do not circle through the broker while nothing can be done about them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from services.relay.targets.circuit_breakers import CircuitBreakers
from services.relay.targets.target_pools import TargetPools
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageRouted
from shared.contract.topology import BUSY_DELAY, Topology
from shared.custody.state import Recipient
from shared.ports.broker import Broker, Delivery, Publication, Subscription
from shared.ports.clock import Clock
from shared.runtime.checkpoints import reached
from shared.runtime.consumer import Received
from shared.runtime.metrics import Metrics

MAX_BUSY_DELAY = 60.0
"""Seconds for which mail for a busy target is postponed at most."""


@dataclass(frozen=True, slots=True)
class EarlyRecipients:
    """The recipients of an event that are not due yet. `whole_event`: no other one is attempted now."""

    received: Received[MessageRouted]
    recipients: Sequence[Recipient]
    whole_event: bool


class EventPostponer:
    """Publishes events to delay queues, and acknowledges those that are postponed as a whole."""

    def __init__(
        self,
        broker: Broker,
        topology: Topology,
        pools: TargetPools,
        circuit_breakers: CircuitBreakers,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._pools = pools
        self._circuit_breakers = circuit_breakers
        self._clock = clock
        self._metrics = metrics

    def must_wait(self, target: str) -> bool:
        """Whether no mail for `target` can be attempted now."""
        return self._circuit_breakers.is_open(target) or self._pools.is_busy(target)

    async def postpone_until_target_is_free(
        self, events: Sequence[Received[MessageRouted]], subscription: Subscription
    ) -> None:
        """Postpone events whose target is busy or out of reach."""
        by_target: dict[str, list[Received[MessageRouted]]] = defaultdict(list)
        for received in events:
            by_target[received.event.target].append(received)
        publications = []
        for target, those in by_target.items():
            reason, key = self._reason_and_key(target)
            self._metrics.put_off.labels(reason=reason).inc(len(those))
            publications += [Publication(key, each.delivery.body, flow=each.event.tenant) for each in those]
        await self._publish(publications, [received.delivery for received in events], subscription)

    async def postpone_until_due(self, early: Sequence[EarlyRecipients], subscription: Subscription) -> None:
        """Postpone each event until the first of its recipients is due."""
        now = self._clock.now()
        publications = []
        for each in early:
            due_at = min(recipient.next_attempt_at or now for recipient in each.recipients)
            key = self._topology.retry_key(due_at - now)
            publications.append(Publication(key, _body(each), flow=each.received.event.tenant))
        self._metrics.put_off.labels(reason="early").inc(len(publications))
        whole = [each.received.delivery for each in early if each.whole_event]
        await self._publish(publications, whole, subscription)

    def _reason_and_key(self, target: str) -> tuple[str, str]:
        """Return the delay queue: until the circuit's next probe, or as long as the target's mails take."""
        if self._circuit_breakers.is_open(target):
            return "out", self._topology.wait_key(
                max(BUSY_DELAY, self._circuit_breakers.seconds_to_wait(target))
            )
        oldest_age = min(self._pools.oldest_age(target), MAX_BUSY_DELAY)
        return "busy", self._topology.retry_key(max(BUSY_DELAY, oldest_age))

    async def _publish(
        self, publications: Sequence[Publication], done: Sequence[Delivery], subscription: Subscription
    ) -> None:
        if publications:
            await self._broker.publish(publications)
            reached("relay.put-off")
            await subscription.ack(done)


def _body(early: EarlyRecipients) -> bytes:
    """Return the event for the early recipients; unchanged if these are all of its recipients."""
    event = early.received.event
    addresses = {each.address for each in early.recipients}
    those = tuple(each for each in event.recipients if each.address in addresses)
    if len(those) == len(event.recipients):
        return early.received.delivery.body
    return EVENT_CODEC.encode_event(event.model_copy(update={"recipients": those}))
