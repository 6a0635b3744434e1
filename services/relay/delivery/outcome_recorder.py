"""Records the outcomes of attempts in batches, then publishes retries and hints, and acknowledges.

An outcome is never dropped, as a mail that the target has accepted must not be forgotten: while the database
is unavailable, the batch is tried again and again. Retries and hints are published, and the deliveries
acknowledged, only after the commit.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import count

import structlog

from services.relay.delivery.ended_attempts import EndedAttempt, EndedAttempts
from services.relay.options import RelayOptions
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
from shared.ports.store import Concluded, RelayStore
from shared.ports.tracing import NO_TRACING, Tracing
from shared.runtime.checkpoints import reached
from shared.runtime.metrics import Metrics
from shared.runtime.settlement import delete_blobs, settlement_hints

RECORDING_TIME = 1.0
"""Seconds. Recording may shorten a delay by so much without moving it to the next shorter retry queue."""
STORE_BACKOFF = Backoff(first=0.5, longest=15.0)
"""Pauses between attempts to record outcomes while the database is unavailable."""

_DEFERRED = RecipientStatus.DEFERRED

ObserveOutcome = Callable[[str, RecipientOutcome], None]

log = structlog.get_logger("mailferry.relay")


def ignore_outcome(_account: str, _outcome: RecipientOutcome) -> None:
    """Observe nothing."""


class OutcomeRecorder:
    """Records the outcomes of ended attempts, many at a time.

    `observe_outcome` is called with the account and each outcome once it is recorded.
    """

    def __init__(
        self,
        deliveries: RelayStore,
        broker: Broker,
        blobs: Blobs,
        clock: Clock,
        metrics: Metrics,
        options: RelayOptions,
        observe_outcome: ObserveOutcome = ignore_outcome,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._tracing = tracing
        self._deliveries = deliveries
        self._broker = broker
        self._blobs = blobs
        self._clock = clock
        self._metrics = metrics
        self._options = options
        self._observe_outcome = observe_outcome
        self._ended = EndedAttempts(clock, options.batch_policy)
        self._unrecorded = 0
        self._all_recorded = asyncio.Event()

    def add_begun_attempt(self) -> None:
        """Note that an attempt has begun, whose end will be added."""
        self._ended.begun()

    def add_ended_attempt(self, ended: EndedAttempt) -> None:
        """Add an attempt that has ended."""
        self._unrecorded += 1
        self._ended.add(ended)

    async def wait_until_recorded(self) -> None:
        """Wait until all ended attempts are recorded."""
        with self._ended.hurried():
            while self._unrecorded:
                self._all_recorded.clear()
                await self._all_recorded.wait()

    async def run(self) -> None:
        """Record outcomes, until cancelled."""
        while True:
            batch = await self._ended.batch()
            try:
                links = [each.received.event.trace for each in batch] if self._tracing.is_on else ()
                with self._tracing.span("record outcomes", links=links, mails=len(batch)):
                    await self._process_batch(batch)
            finally:
                self._unrecorded -= len(batch)
                if not self._unrecorded:
                    self._all_recorded.set()

    async def _process_batch(self, batch: Sequence[EndedAttempt]) -> None:
        concluded = await self._record_outcomes(batch)
        reached("relay.recorded")
        self._count_outcomes(batch, concluded.settled)
        retries = [each for ended in batch if _is_deferred(ended) for each in self._retries(ended)]
        try:
            await self._broker.publish([*retries, *settlement_hints(concluded.settled)])
            reached("relay.published")
        except MailferryError as error:
            # The deferred come back when their leases expire. The deliveries are stale by now and are
            # acknowledged: kept, they would only take room in the consumer's prefetch.
            log.warning("retries not published", count=len(retries), error=error)
        await _acknowledge(batch)
        reached("relay.acknowledged")
        await delete_blobs(self._blobs, concluded.settled)

    async def _record_outcomes(self, batch: Sequence[EndedAttempt]) -> Concluded:
        lease = self._options.message_lease
        for failures in count():
            try:
                outcomes = [ended.outcomes for ended in batch]
                return await self._deliveries.end_attempts(outcomes, self._clock.now(), lease)
            except MailferryError as error:
                log.warning("outcomes not recorded yet", count=len(batch), error=error)
            await self._clock.sleep(STORE_BACKOFF.pause(failures))
        raise AssertionError("the loop ends by returning")

    def _retries(self, ended: EndedAttempt) -> list[Publication]:
        """Return the event again for the deferred recipients: one publication for each delay."""
        by_key: dict[str, list[RoutedRecipient]] = {}
        now = self._clock.now()
        for outcome, attempt in ended.outcomes.outcomes:
            if outcome.status is _DEFERRED and outcome.next_attempt_at is not None:
                key = self._retry_key(outcome.next_attempt_at - now)
                again = RoutedRecipient(
                    address=outcome.address, destination=outcome.destination, attempt=attempt
                )
                by_key.setdefault(key, []).append(again)
        event = ended.received.event
        return [
            Publication(
                key,
                EVENT_CODEC.encode_event(event.model_copy(update={"recipients": tuple(recipients)})),
                flow=event.tenant,
            )
            for key, recipients in by_key.items()
        ]

    def _retry_key(self, delay: float) -> str:
        return ROUTED_KEY if delay <= 0 else self._options.topology.retry_key(delay + RECORDING_TIME)

    def _count_outcomes(self, batch: Sequence[EndedAttempt], settled: Sequence[Settled]) -> None:
        now = self._clock.now()
        by_target: dict[str, Counter[str]] = defaultdict(Counter)
        for ended in batch:
            statuses = by_target[ended.received.event.target]
            for outcome, _ in ended.outcomes.outcomes:
                statuses[outcome.status.value] += 1
                if outcome.in_doubt:
                    self._metrics.in_doubt.inc()
                self._observe_outcome(ended.received.event.account, outcome)
        for target, statuses in by_target.items():
            self._metrics.count_outcomes(target, statuses)
            for status, recipients in statuses.items():
                self._metrics.outcomes.labels(status=status).inc(recipients)
            self._metrics.retries.inc(statuses[_DEFERRED.value])
        for each in settled:
            self._metrics.settle_seconds.observe(max(0.0, now - each.first_fetched_at))


def _is_deferred(ended: EndedAttempt) -> bool:
    """Whether a recipient is deferred."""
    return any(outcome.status is _DEFERRED for outcome, _ in ended.outcomes.outcomes)


async def _acknowledge(batch: Sequence[EndedAttempt]) -> None:
    """Acknowledge the deliveries, those of each subscription in one call."""
    deliveries: dict[Subscription, list[Delivery]] = defaultdict(list)
    for ended in batch:
        deliveries[ended.subscription].append(ended.received.delivery)
    for subscription, those in deliveries.items():
        await subscription.ack(those)
