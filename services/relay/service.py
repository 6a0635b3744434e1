"""The relay process: takes routed mails, attempts their delivery, and has the outcomes recorded.

Any number of relays share the queue. An attempt begins only after the database agreed to it, so a stale or
duplicate event delivers nothing. Told to stop, a relay begins no new attempt, lets those under way end, and
records them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from services.relay.delivery.attempt import Attempter
from services.relay.delivery.ended_attempts import Conclusion
from services.relay.delivery.lease_extender import LeaseExtender
from services.relay.delivery.outcome_recorder import OutcomeRecorder
from services.relay.postponement import Postponement, Waiting
from services.relay.settings import RelaySettings
from services.relay.targets.circuit_breakers import CircuitBreakers
from services.relay.targets.target_queue import TargetQueues
from shared.config import Configuration
from shared.contract.events import MessageRouted
from shared.contract.topology import RELAY_QUEUE
from shared.custody.commands import Attempt
from shared.custody.state import Recipient
from shared.ports.broker import Broker, Delivery, Subscription
from shared.ports.clock import Clock
from shared.ports.store import Deliveries, Serving
from shared.runtime.checkpoints import reached
from shared.runtime.consumer import Consumer, Received
from shared.runtime.stop import Stop

IDLE_CHECK = 5.0
REST = 60.0
"""Seconds until a chore begins again that failed unexpectedly."""

Chore = Callable[[], Coroutine[Any, Any, None]]
"""What a relay does now and then, until it is cancelled."""

log = structlog.get_logger("mailferry.relay")


class Relay:
    """Serves what is routed, and does its chores beside it."""

    def __init__(
        self,
        broker: Broker,
        deliveries: Deliveries,
        lanes: TargetQueues,
        circuits: CircuitBreakers,
        attempter: Attempter,
        conclusions: OutcomeRecorder,
        chores: Sequence[Chore],
        settings: RelaySettings,
    ) -> None:
        self._broker = broker
        self._deliveries = deliveries
        self._lanes = lanes
        self._circuits = circuits
        self._attempter = attempter
        self._conclusions = conclusions
        self._settings = settings
        self._clock: Clock = attempter.clock
        self._prolonging = LeaseExtender(deliveries, self._clock, settings.message_lease)
        self._chores = [circuits.run, self._prolonging.run, *chores]
        self._postponement = Postponement(
            broker, settings.topology, lanes, circuits, self._clock, attempter.metrics
        )
        self._attempts: set[asyncio.Task[None]] = set()

    async def run(self, stop: Stop) -> None:
        """Serve until `stop` is asked for and the attempts under way are recorded."""
        consumer = Consumer(
            self._broker,
            RELAY_QUEUE,
            MessageRouted,
            self._settings.appetite,
            self._handle,
            self._clock,
            flow_of=lambda event: event.tenant,
        )
        async with asyncio.TaskGroup() as group:
            kept = [self._keep_at(chore) for chore in (self._tidy, *self._chores)]
            helpers = [group.create_task(each) for each in (self._conclusions.run(), *kept)]
            try:
                await consumer.run(stop, self._drain)
            finally:
                for helper in helpers:
                    helper.cancel()
                await self._lanes.close()

    async def reload(self, configuration: Configuration) -> None:
        """Use the accounts and targets of another configuration from the next attempt on."""
        self._attempter.accounts = configuration.accounts
        self._attempter.targets = configuration.targets
        self._circuits.targets = configuration.targets
        await self._lanes.change(configuration.targets)

    def remark(self) -> str | None:
        """What those who watch the process should know, though it does its work: targets out of reach."""
        return self._circuits.remark()

    async def _handle(self, batch: Sequence[Received[MessageRouted]], subscription: Subscription) -> None:
        ready: list[Received[MessageRouted]] = []
        later: list[Received[MessageRouted]] = []
        for received in await self._of_enabled_accounts(batch, subscription):
            (later if self._postponement.has_to_wait(received.event.target) else ready).append(received)
        await self._postponement.until_target_is_free(later, subscription)
        if ready:
            await self._serve(ready, subscription)

    async def _serve(self, ready: Sequence[Received[MessageRouted]], subscription: Subscription) -> None:
        """Begin what is due; what is not comes back, and what is stale is dropped."""
        begun = await self._deliveries.begin_attempts(
            [self._wish(received.event) for received in ready],
            self._clock.now(),
            self._settings.message_lease,
        )
        reached("relay.begun")
        self._attempter.metrics.attempts.inc(len(begun.servings))
        servings: dict[str, list[Serving]] = defaultdict(list)
        for serving in begun.servings:
            servings[serving.message].append(serving)
        early: dict[str, list[Recipient]] = defaultdict(list)
        for each in begun.early:
            early[each.message] += each.recipients
        waiting: list[Waiting] = []
        stale: list[Delivery] = []
        for received in ready:
            own = _taken(servings[received.event.message], received.event)
            if own is not None:
                self._start(received, own, subscription)
            if those := _of_event(early[received.event.message], received.event):
                waiting.append(Waiting(received, those, all_of_it=own is None))
            elif own is None:
                stale.append(received.delivery)
        await subscription.ack(stale)
        await self._postponement.until_due(waiting, subscription)

    async def _of_enabled_accounts(
        self, batch: Sequence[Received[MessageRouted]], subscription: Subscription
    ) -> Sequence[Received[MessageRouted]]:
        """Mail of accounts that are switched off is left to its lease, to be fetched again."""
        enabled: list[Received[MessageRouted]] = []
        disabled: list[Delivery] = []
        for received in batch:
            if self._attempter.is_disabled(received.event.account):
                disabled.append(received.delivery)
            else:
                enabled.append(received)
        if disabled:
            await subscription.ack(disabled)
        return enabled

    def _wish(self, event: MessageRouted) -> Attempt:
        recipients = tuple((each.address, each.attempt) for each in event.recipients)
        return Attempt(event.message, event.fetch_no, recipients, self._settings.worker)

    def _start(self, received: Received[MessageRouted], serving: Serving, subscription: Subscription) -> None:
        self._conclusions.begun()
        attempt = asyncio.create_task(self._attempt(received, serving, subscription))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _attempt(
        self, received: Received[MessageRouted], serving: Serving, subscription: Subscription
    ) -> None:
        numbers = tuple((each.address, each.attempt) for each in serving.recipients)
        attempt = Attempt(serving.message, received.event.fetch_no, numbers, self._settings.worker)
        self._prolonging.begun(attempt)
        try:
            outcomes = await self._attempter.make(received.event, serving, self._circuits)
        finally:
            self._prolonging.ended(attempt)
        self._conclusions.add(Conclusion(received, outcomes, subscription))

    async def _drain(self) -> None:
        if self._attempts:
            await asyncio.wait(self._attempts)
        await self._conclusions.all_done()

    async def _keep_at(self, chore: Chore) -> None:
        """Do a chore. A mistake of ours in it, perhaps over one odd mail, must not end the process: it would
        be met again after each restart.
        """
        task = asyncio.current_task()
        assert task is not None
        while True:
            try:
                await chore()
                return
            except Exception:
                log.exception("chore failed unexpectedly, begins again later")
            if task.cancelling():
                return
            await self._clock.sleep(REST)

    async def _tidy(self) -> None:
        while True:
            await self._clock.sleep(IDLE_CHECK)
            await self._lanes.close_idle()


def _of_event(early: Sequence[Recipient], event: MessageRouted) -> Sequence[Recipient]:
    """Those of whom `event` knows the latest."""
    wished = {(each.address, each.attempt) for each in event.recipients} if early else ()
    return [each for each in early if (each.address, each.attempt) in wished]


def _taken(begun: list[Serving], event: MessageRouted) -> Serving | None:
    """Take out what was begun for `event`; others of the batch may be about other recipients of its mail."""
    wished = {(each.address, each.attempt + 1) for each in event.recipients}
    for serving in begun:
        if wished.issuperset((each.address, each.attempt) for each in serving.recipients):
            begun.remove(serving)
            return serving
    return None
