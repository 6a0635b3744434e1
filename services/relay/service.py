"""The relay service: consumes routed mails, attempts their delivery, and records the outcomes.

Any number of relays share the queue. An attempt begins only after the database agreed to it, so a stale or
duplicate event delivers nothing. A relay that is stopped begins no new attempt, lets the running ones end,
and records them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from services.relay.delivery.attempt import Attempter
from services.relay.delivery.ended_attempts import EndedAttempt
from services.relay.delivery.lease_extender import LeaseExtender
from services.relay.delivery.outcome_recorder import OutcomeRecorder
from services.relay.options import RelayOptions
from services.relay.postponer import EarlyRecipients, EventPostponer
from services.relay.targets.circuit_breakers import CircuitBreakers
from services.relay.targets.target_pools import TargetPools
from shared.config import Configuration
from shared.contract.events import MessageRouted
from shared.contract.topology import RELAY_QUEUE
from shared.custody.commands import Attempt
from shared.custody.state import Recipient
from shared.ports.broker import Broker, Delivery, Subscription
from shared.ports.clock import Clock
from shared.ports.store import RelayStore, Serving
from shared.runtime.checkpoints import reached
from shared.runtime.consumer import Consumer, Received
from shared.runtime.stop import Stop

IDLE_CHECK = 5.0
RESTART_DELAY = 60.0
"""Seconds until a maintenance task that failed unexpectedly begins again."""

MaintenanceTask = Callable[[], Coroutine[Any, Any, None]]
"""A task that runs beside the deliveries until it is cancelled."""

log = structlog.get_logger("mailferry.relay")


class Relay:
    """Delivers routed mails, and runs maintenance tasks beside that."""

    def __init__(
        self,
        broker: Broker,
        deliveries: RelayStore,
        pools: TargetPools,
        circuit_breakers: CircuitBreakers,
        attempter: Attempter,
        outcome_recorder: OutcomeRecorder,
        maintenance: Sequence[MaintenanceTask],
        options: RelayOptions,
    ) -> None:
        self._broker = broker
        self._deliveries = deliveries
        self._pools = pools
        self._circuit_breakers = circuit_breakers
        self._attempter = attempter
        self._outcome_recorder = outcome_recorder
        self._options = options
        self._clock: Clock = attempter.clock
        self._lease_extender = LeaseExtender(deliveries, self._clock, options.message_lease)
        self._maintenance = [
            self._close_idle_connections,
            circuit_breakers.run,
            self._lease_extender.run,
            *maintenance,
        ]
        self._postponer = EventPostponer(
            broker, options.topology, pools, circuit_breakers, self._clock, attempter.metrics
        )
        self._attempts: set[asyncio.Task[None]] = set()

    async def run(self, stop: Stop) -> None:
        """Serve until `stop` is asked for and the running attempts are recorded."""
        consumer = Consumer(
            self._broker,
            RELAY_QUEUE,
            MessageRouted,
            self._options.batch_policy,
            self._handle_batch,
            self._clock,
            flow_of=lambda event: event.tenant,
        )
        async with asyncio.TaskGroup() as group:
            coroutines = [self._outcome_recorder.run(), *map(self._run_maintenance, self._maintenance)]
            tasks = [group.create_task(each) for each in coroutines]
            try:
                await consumer.run(stop, self._drain)
            finally:
                for task in tasks:
                    task.cancel()
                await self._pools.close()

    async def reload(self, configuration: Configuration) -> None:
        """Change nothing: accounts and targets are read from the registry."""

    def remark(self) -> str | None:
        """Return a warning for the health page, though the relay works: targets that are out of reach."""
        return self._circuit_breakers.remark()

    async def _handle_batch(
        self, batch: Sequence[Received[MessageRouted]], subscription: Subscription
    ) -> None:
        await self._attempter.registry.load(
            [each.event.account for each in batch],
            [each.event.target for each in batch],
            revision=max(each.event.revision for each in batch),
        )
        ready: list[Received[MessageRouted]] = []
        later: list[Received[MessageRouted]] = []
        for received in await self._drop_disabled(batch, subscription):
            (later if self._postponer.must_wait(received.event.target) else ready).append(received)
        await self._postponer.postpone_until_target_is_free(later, subscription)
        if ready:
            await self._begin_attempts(ready, subscription)

    async def _begin_attempts(
        self, ready: Sequence[Received[MessageRouted]], subscription: Subscription
    ) -> None:
        """Begin the attempts that are due, postpone early events, and acknowledge stale ones."""
        begun = await self._deliveries.begin_attempts(
            [self._attempt_for(received.event) for received in ready],
            self._clock.now(),
            self._options.message_lease,
        )
        reached("relay.begun")
        self._attempter.metrics.attempts.inc(len(begun.servings))
        servings: dict[str, list[Serving]] = defaultdict(list)
        for serving in begun.servings:
            servings[serving.message].append(serving)
        early: dict[str, list[Recipient]] = defaultdict(list)
        for each in begun.early:
            early[each.message] += each.recipients
        postponed: list[EarlyRecipients] = []
        stale: list[Delivery] = []
        for received in ready:
            own = _take_serving(servings[received.event.message], received.event)
            if own is not None:
                self._start_attempt(received, own, subscription)
            if recipients := _early_recipients(early[received.event.message], received.event):
                postponed.append(EarlyRecipients(received, recipients, whole_event=own is None))
            elif own is None:
                stale.append(received.delivery)
        await subscription.ack(stale)
        await self._postponer.postpone_until_due(postponed, subscription)

    async def _drop_disabled(
        self, batch: Sequence[Received[MessageRouted]], subscription: Subscription
    ) -> Sequence[Received[MessageRouted]]:
        """Acknowledge mail that is not to be delivered now: it is looked at again after its lease. Return the
        rest.
        """
        enabled: list[Received[MessageRouted]] = []
        disabled: list[Delivery] = []
        for received in batch:
            if self._attempter.is_disabled(received.event):
                disabled.append(received.delivery)
            else:
                enabled.append(received)
        if disabled:
            await subscription.ack(disabled)
        return enabled

    def _attempt_for(self, event: MessageRouted) -> Attempt:
        recipients = tuple((each.address, each.attempt) for each in event.recipients)
        return Attempt(event.message, event.fetch_no, recipients, self._options.worker)

    def _start_attempt(
        self, received: Received[MessageRouted], serving: Serving, subscription: Subscription
    ) -> None:
        self._outcome_recorder.add_begun_attempt()
        attempt = asyncio.create_task(self._make_attempt(received, serving, subscription))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _make_attempt(
        self, received: Received[MessageRouted], serving: Serving, subscription: Subscription
    ) -> None:
        numbers = tuple((each.address, each.attempt) for each in serving.recipients)
        attempt = Attempt(serving.message, received.event.fetch_no, numbers, self._options.worker)
        self._lease_extender.add_attempt(attempt)
        try:
            outcomes = await self._attempter.make_attempt(received.event, serving, self._circuit_breakers)
        finally:
            self._lease_extender.remove_attempt(attempt)
        self._outcome_recorder.add_ended_attempt(EndedAttempt(received, outcomes, subscription))

    async def _drain(self) -> None:
        if self._attempts:
            await asyncio.wait(self._attempts)
        await self._outcome_recorder.wait_until_recorded()

    async def _run_maintenance(self, maintenance: MaintenanceTask) -> None:
        """Run a maintenance task, and restart it after a bug.

        A bug must not end the process: if a mail triggers it, it would occur again after each restart.
        """
        task = asyncio.current_task()
        assert task is not None
        while True:
            try:
                await maintenance()
                return
            except Exception:
                log.exception("maintenance task failed unexpectedly, begins again later")
            if task.cancelling():
                return
            await self._clock.sleep(RESTART_DELAY)

    async def _close_idle_connections(self) -> None:
        while True:
            await self._clock.sleep(IDLE_CHECK)
            await self._pools.close_idle_connections()


def _early_recipients(early: Sequence[Recipient], event: MessageRouted) -> Sequence[Recipient]:
    """Return those of the early recipients whose latest attempt number `event` has."""
    requested = {(each.address, each.attempt) for each in event.recipients} if early else ()
    return [each for each in early if (each.address, each.attempt) in requested]


def _take_serving(begun: list[Serving], event: MessageRouted) -> Serving | None:
    """Take out what was begun for `event`; other events of the batch may be about the same mail."""
    requested = {(each.address, each.attempt + 1) for each in event.recipients}
    for serving in begun:
        if requested.issuperset((each.address, each.attempt) for each in serving.recipients):
            begun.remove(serving)
            return serving
    return None
