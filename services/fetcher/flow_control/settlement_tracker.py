"""`message.settled` hints, and the visits that wait for them.

A hint only ends a wait early. Whether a mail is settled, the database says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.tenant_quotas import TenantQuotas
from shared.contract.codec import EVENT_CODEC, Undecodable
from shared.contract.events import MessageSettled
from shared.model.ids import time_of
from shared.ports.broker import Broker, Delivery
from shared.ports.clock import Clock

PREFETCH = 2000
BATCH = 500
LINGER = 0.002
"""Seconds to wait for more hints, so that one acknowledgement serves many."""

log = structlog.get_logger("mailferry.fetcher")


class SettlementTracker:
    """The pending sets of all visits of a process. `quotas` has what is in flight of each tenant."""

    def __init__(self, clock: Clock, quotas: TenantQuotas | None = None) -> None:
        self.quotas = quotas or TenantQuotas(clock)
        self._clock = clock
        self._pending_by_message: dict[str, PendingSet] = {}
        self._last_hint_at = clock.monotonic()

    def __len__(self) -> int:
        """Return how many mails are waited for."""
        return len(self._pending_by_message)

    def oldest_age(self, now: float) -> float:
        """Return the age in seconds of the oldest mail that is waited for; 0 if there is none."""
        oldest = min(self._pending_by_message, default=None)  # ids are in the order of time
        return 0.0 if oldest is None else max(0.0, now - time_of(oldest))

    def expect(self, pending: PendingSet, messages: Iterable[str]) -> None:
        """Report the settlement of `messages` to `pending`; call this before they are published."""
        for message in messages:
            pending.outstanding.add(message)
            self._pending_by_message[message] = pending

    def mark_settled(self, messages: Sequence[str]) -> None:
        """Report that these mails were settled to the visits that wait for them, if there are any."""
        self._last_hint_at = self._clock.monotonic()
        for message in messages:
            pending = self._pending_by_message.pop(message, None)
            if pending is not None:
                pending.mark_settled(message)
        self.quotas.remove_messages(messages)

    def end_waits(self) -> None:
        """End all waits. What is settled later is deleted by a later visit."""
        for pending in set(self._pending_by_message.values()):
            pending.end_waits()
        self.quotas.end_waits()

    def forget(self, pending: PendingSet) -> None:
        """Report nothing to `pending` any more: its visit is over."""
        for message in pending.outstanding:
            self._pending_by_message.pop(message, None)
        pending.outstanding.clear()

    async def all_settled(self, pending: PendingSet, patience: float, longest: float) -> bool:
        """Wait until nothing of `pending` is outstanding; return False where the wait was given up.

        It is given up after `longest` seconds, and when no hint came for any visit for `patience` seconds: as
        long as others make progress, these mails may only stand behind theirs.
        """
        begun = self._clock.monotonic()
        while pending.outstanding:
            now = self._clock.monotonic()
            remaining = min(begun + longest, max(begun, self._last_hint_at) + patience) - now
            if remaining <= 0 or pending.ended:
                return False
            await pending.wait_for_change(remaining)
        return True


class SettlementListener:
    """Receives the hints for the fetcher called `name`. `is_subscribed` once hints can arrive."""

    def __init__(self, broker: Broker, tracker: SettlementTracker, name: str) -> None:
        self._broker = broker
        self._tracker = tracker
        self._name = name
        self.is_subscribed = False

    async def run(self) -> None:
        """Pass hints to the tracker, until cancelled."""
        async with self._broker.subscribe_hints(self._name, PREFETCH) as subscription:
            self.is_subscribed = True
            while True:
                deliveries = await subscription.batch(BATCH, LINGER)
                for delivery in deliveries:
                    self._receive(delivery)
                await subscription.ack(deliveries)

    def _receive(self, delivery: Delivery) -> None:
        try:
            event = EVENT_CODEC.decode(delivery.body)
        except Undecodable as error:
            log.warning("hint cannot be decoded", error=error)
            return
        if isinstance(event, MessageSettled):
            self._tracker.mark_settled(event.messages)
