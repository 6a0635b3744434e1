from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.relay.delivery.ended_attempts import EndedAttempt
from services.relay.delivery.outcome_recorder import OutcomeRecorder
from services.relay.options import RelayOptions
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.events import MessageRouted, Payload
from shared.contract.journal import RecipientOutcome
from shared.contract.topology import topology
from shared.custody.commands import Outcomes
from shared.model.message import RecipientStatus
from shared.ports.broker import BrokerUnavailable, Delivery, Publication
from shared.ports.store import Concluded
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.consumer import Received
from shared.runtime.metrics import Metrics

BOB = "bob@corp.example"
PLAN = topology([60, 300])
OPTIONS = RelayOptions("relay-1", 900.0, BatchPolicy(prefetch=10, batch=10, linger=0.01), PLAN)


class Keys(MemoryBroker):
    """Records the routing keys of publications."""

    def __init__(self) -> None:
        super().__init__(PLAN, SystemClock())
        self.keys: list[str] = []

    async def publish(self, publications: Sequence[Publication]) -> None:
        self.keys += [publication.key for publication in publications]


class SlowStore:
    """Records outcomes."""

    async def end_attempts(self, wishes: Sequence[Outcomes], now: float, lease: float) -> Concluded:
        return Concluded(())


class Clock(SystemClock):
    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now


@asynccontextmanager
async def running(recorder: OutcomeRecorder) -> AsyncIterator[None]:
    task = asyncio.create_task(recorder.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("due_in", "key"),
    [
        (0.0, "message.routed"),
        (-5.0, "message.routed"),
        (59.7, "message.retry.60"),
        (66.0, "message.retry.63"),
        (299.7, "message.retry.300"),
        (330.0, "message.retry.315"),
    ],
)
async def test_a_deferral_waits_for_its_own_delay_also_if_recording_it_took_a_moment(
    tmp_path: Path, due_in: float, key: str
) -> None:
    now = 1_000_000.0
    broker = Keys()
    metrics = Metrics(CollectorRegistry(), "0")
    store = SlowStore()
    recorder = OutcomeRecorder(store, broker, FileBlobs(tmp_path), Clock(now), metrics, OPTIONS)  # type: ignore[arg-type]  # only this part of the store is used
    outcome = RecipientOutcome(
        address=BOB,
        status=RecipientStatus.DEFERRED,
        code="",
        text="451 Later",
        destination=BOB,
        next_attempt_at=now + due_in,
    )
    event = MessageRouted(
        message="m", tenant="acme", account="acme/inbox", fetch_no=1, target="exchange", reverse_path="",
        recipients=(), fetched_at=now, payload=Payload(octets=1, inline=b"x"),
    )  # fmt: skip
    async with broker.subscribe("mailferry.relay", 10) as subscription, running(recorder):
        received = Received(event, Delivery(b"", 1, 1))
        recorder.add_ended_attempt(EndedAttempt(received, Outcomes("m", ((outcome, 1),)), subscription))
        await recorder.wait_until_recorded()
    assert broker.keys == [key]
    of_target = {"target": "exchange", "status": "deferred"}
    assert metrics.registry.get_sample_value("mailferry_target_outcomes_total", of_target) == 1
    assert metrics.registry.get_sample_value("mailferry_relay_retries_total") == 1


class Blocked(MemoryBroker):
    """Delivers, but refuses publications once it is `full`, as a broker with a full disk."""

    full = False

    async def publish(self, publications: Sequence[Publication]) -> None:
        if self.full:
            raise BrokerUnavailable("the disk is full")
        await super().publish(publications)


async def test_a_blocked_broker_does_not_use_up_the_room_for_deliveries(tmp_path: Path) -> None:
    broker, store = Blocked(PLAN, SystemClock()), SlowStore()
    metrics = Metrics(CollectorRegistry(), "0")
    recorder = OutcomeRecorder(store, broker, FileBlobs(tmp_path), SystemClock(), metrics, OPTIONS)  # type: ignore[arg-type]  # only this part of the store is used
    event = MessageRouted(
        message="m", tenant="acme", account="acme/inbox", fetch_no=1, target="exchange", reverse_path="",
        recipients=(), fetched_at=1.0, payload=Payload(octets=1, inline=b"x"),
    )  # fmt: skip
    await broker.publish([Publication("message.routed", b"1"), Publication("message.routed", b"2")])
    broker.full = True
    async with broker.subscribe("mailferry.relay", 1) as subscription, running(recorder):
        [first] = await subscription.batch(1, 0.0)
        recorder.add_ended_attempt(EndedAttempt(Received(event, first), Outcomes("m", ()), subscription))
        await recorder.wait_until_recorded()
        async with asyncio.timeout(60):
            [second] = await subscription.batch(1, 0.0)
    assert (first.body, second.body) == (b"1", b"2")
