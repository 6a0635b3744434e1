"""The end of attempts: outcomes are recorded in batches, then what follows from them is published and
acknowledged.

An outcome is never dropped: while the database is away the batch is tried again and again, as a mail that the
target has accepted must not be forgotten. Only after the commit are retries and hints published and the
deliveries acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import count

import structlog

from services.relay.delivery.ended_attempts import Conclusion, EndedAttempts
from services.relay.settings import RelaySettings
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import RoutedRecipient
from shared.contract.journal import RecipientOutcome
from shared.contract.topology import ROUTED_KEY
from shared.custody.commands import Settled
from shared.model.backoff import Backoff
from shared.model.errors import MailferryError
from shared.model.message import RecipientStatus
from shared.ports.blobs import Blobs
from shared.ports.broker import Broker, Delivery, Publication, Subscription
from shared.ports.clock import Clock
from shared.ports.store import Concluded, Deliveries
from shared.runtime.checkpoints import reached
from shared.runtime.metrics import Metrics
from shared.runtime.settlement import delete_blobs, settlement_hints

RECORDING = 1.0
"""Seconds that recording may take of a delay without making it the next shorter one."""
STORE_BACKOFF = Backoff(first=0.5, longest=15.0)
"""Between two attempts to record outcomes while the database is away."""

_DEFERRED = RecipientStatus.DEFERRED

Observe = Callable[[str, RecipientOutcome], None]

log = structlog.get_logger("mailferry.relay")


def unobserved(_account: str, _outcome: RecipientOutcome) -> None:
    """Nobody wants to know."""


class OutcomeRecorder:
    """Concludes what has ended, many at a time.

    `observe` is told each account's outcomes once they are recorded.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        broker: Broker,
        blobs: Blobs,
        clock: Clock,
        metrics: Metrics,
        settings: RelaySettings,
        observe: Observe = unobserved,
    ) -> None:
        self._deliveries = deliveries
        self._broker = broker
        self._blobs = blobs
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        self._observe = observe
        self._ended = EndedAttempts(clock, settings.appetite)
        self._unconcluded = 0
        self._nothing_left = asyncio.Event()

    def begun(self) -> None:
        """An attempt has begun; what it comes to will be added."""
        self._ended.begun()

    def add(self, conclusion: Conclusion) -> None:
        """An attempt has ended."""
        self._unconcluded += 1
        self._ended.add(conclusion)

    async def all_done(self) -> None:
        """Wait until everything added was concluded."""
        with self._ended.hurried():
            while self._unconcluded:
                self._nothing_left.clear()
                await self._nothing_left.wait()

    async def run(self) -> None:
        """Conclude, until cancelled."""
        while True:
            batch = await self._ended.batch()
            try:
                await self._conclude(batch)
            finally:
                self._unconcluded -= len(batch)
                if not self._unconcluded:
                    self._nothing_left.set()

    async def _conclude(self, batch: Sequence[Conclusion]) -> None:
        concluded = await self._record(batch)
        reached("relay.recorded")
        self._count(batch, concluded.settled)
        retries = [each for ended in batch if _is_deferred(ended) for each in self._retries(ended)]
        try:
            await self._broker.publish([*retries, *settlement_hints(concluded.settled)])
            reached("relay.published")
        except MailferryError as error:
            # The leases bring the deferred back. The deliveries are stale by now: kept, they would only take
            # room from the consumer, as long as its own connection lasts.
            log.warning("retries not published", count=len(retries), error=error)
        await _acknowledge(batch)
        reached("relay.acknowledged")
        await delete_blobs(self._blobs, concluded.settled)

    async def _record(self, batch: Sequence[Conclusion]) -> Concluded:
        lease = self._settings.message_lease
        for failures in count():
            try:
                outcomes = [conclusion.outcomes for conclusion in batch]
                return await self._deliveries.end_attempts(outcomes, self._clock.now(), lease)
            except MailferryError as error:
                log.warning("outcomes not recorded yet", count=len(batch), error=error)
            await self._clock.sleep(STORE_BACKOFF.pause(failures))
        raise AssertionError("the loop ends by returning")

    def _retries(self, conclusion: Conclusion) -> list[Publication]:
        """The event again for those deferred: one publication for each delay."""
        by_key: dict[str, list[RoutedRecipient]] = {}
        now = self._clock.now()
        for outcome, attempt in conclusion.outcomes.outcomes:
            if outcome.status is _DEFERRED and outcome.next_attempt_at is not None:
                key = self._retry_key(outcome.next_attempt_at - now)
                again = RoutedRecipient(
                    address=outcome.address, destination=outcome.destination, attempt=attempt
                )
                by_key.setdefault(key, []).append(again)
        event = conclusion.received.event
        return [
            Publication(
                key,
                EVENT_CODEC.encode_event(event.model_copy(update={"recipients": tuple(recipients)})),
                flow=event.tenant,
            )
            for key, recipients in by_key.items()
        ]

    def _retry_key(self, delay: float) -> str:
        return ROUTED_KEY if delay <= 0 else self._settings.topology.retry_key(delay + RECORDING)

    def _count(self, batch: Sequence[Conclusion], settled: Sequence[Settled]) -> None:
        now = self._clock.now()
        statuses: Counter[RecipientStatus] = Counter()
        for conclusion in batch:
            for outcome, _ in conclusion.outcomes.outcomes:
                statuses[outcome.status] += 1
                if outcome.in_doubt:
                    self._metrics.in_doubt.inc()
                self._observe(conclusion.received.event.account, outcome)
        for status, recipients in statuses.items():
            self._metrics.outcomes.labels(status=status.value).inc(recipients)
        self._metrics.retries.inc(statuses[RecipientStatus.DEFERRED])
        for each in settled:
            self._metrics.settle_seconds.observe(max(0.0, now - each.first_fetched_at))


def _is_deferred(conclusion: Conclusion) -> bool:
    """Whether a recipient of it is to be served later."""
    return any(outcome.status is _DEFERRED for outcome, _ in conclusion.outcomes.outcomes)


async def _acknowledge(batch: Sequence[Conclusion]) -> None:
    """Acknowledge what came by each subscription in one go."""
    deliveries: dict[Subscription, list[Delivery]] = defaultdict(list)
    for conclusion in batch:
        deliveries[conclusion.subscription].append(conclusion.received.delivery)
    for subscription, those in deliveries.items():
        await subscription.ack(those)
