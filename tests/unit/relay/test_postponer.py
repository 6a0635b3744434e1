"""The time for which an event is postponed follows the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from services.relay.postponer import EarlyRecipients, EventPostponer
from services.relay.targets.circuit import ProbePolicy
from services.relay.targets.circuit_breakers import CircuitBreakers
from services.relay.targets.target_pools import TargetPools
from shared.adapters.memory_broker import MemoryBroker
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageRouted, Payload, RoutedRecipient
from shared.contract.topology import RELAY_QUEUE, ROUTED_KEY, topology
from shared.custody.state import Recipient
from shared.model.endpoint import Endpoint, Tls
from shared.model.message import RecipientStatus
from shared.model.target import Target
from shared.net.errors import ConnectFailed
from shared.ports.broker import Publication, Subscription
from shared.ports.store import Outage
from shared.runtime.consumer import Received
from shared.runtime.metrics import Metrics
from shared.smtp.envelope import Envelope, RecipientReply
from tests.fakes.clock import ManualClock
from tests.fakes.custody import BOB, EVE, recipient

PLAN = topology([60, 300])


class RecordingBroker(MemoryBroker):
    """Records the publications."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(PLAN, clock)
        self.published: list[Publication] = []

    async def publish(self, publications: Sequence[Publication]) -> None:
        self.published += publications
        await super().publish(publications)


class FakePools(TargetPools):
    """The pools of the targets in `busy` are full, and their oldest mail has this age."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__({}, helo_name="relay.example", capacity=1, clock=clock)
        self.busy: dict[str, float] = {}

    def is_busy(self, target: str) -> bool:
        return target in self.busy

    def oldest_age(self, target: str) -> float:
        return self.busy[target]


class FakeCircuitBreakers:
    """The circuits of the targets in `out` are open; a probe is due in so many seconds."""

    def __init__(self) -> None:
        self.out: dict[str, float] = {}

    def is_open(self, target: str) -> bool:
        return target in self.out

    def seconds_to_wait(self, target: str) -> float:
        return self.out[target]


class Stage:
    """A relay's postponer with the state that it depends on."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.broker = RecordingBroker(self.clock)
        self.pools, self.circuits = FakePools(self.clock), FakeCircuitBreakers()
        self.metrics = Metrics(CollectorRegistry(), "0")
        self.postponer = EventPostponer(
            self.broker, PLAN, self.pools, self.circuits, self.clock, self.metrics  # type: ignore[arg-type]  # only this part of the circuits is used
        )  # fmt: skip

    def put_off(self, reason: str) -> float:
        value = self.metrics.registry.get_sample_value("mailferry_relay_put_off_total", {"reason": reason})
        return value or 0.0

    @property
    def keys(self) -> list[str]:
        return [each.key for each in self.broker.published if each.key != ROUTED_KEY]


async def received(
    stage: Stage, subscription: Subscription, *events: MessageRouted
) -> list[Received[MessageRouted]]:
    await stage.broker.publish([Publication(ROUTED_KEY, EVENT_CODEC.encode(event)) for event in events])
    deliveries = await subscription.batch(len(events), 0)
    return [Received(event, delivery) for event, delivery in zip(events, deliveries, strict=True)]


def event(*addresses: str, target: str = "exchange") -> MessageRouted:
    recipients = tuple(RoutedRecipient(address=each, destination=each, attempt=1) for each in addresses)
    return MessageRouted(
        message="m", tenant="acme", account="acme/inbox", fetch_no=1, target=target, reverse_path="",
        recipients=recipients, fetched_at=1.0, payload=Payload(octets=1, inline=b"x"),
    )  # fmt: skip


def deferred(stage: Stage, address: str, due_in: float) -> Recipient:
    due_at = stage.clock.now() + due_in
    return recipient(address, RecipientStatus.DEFERRED, attempt=1, next_attempt_at=due_at)


@pytest.mark.parametrize(("probe_in", "step"), [(0.2, 1), (6, 5), (16, 15), (61, 63), (301, 315), (290, 300)])
async def test_mail_for_a_target_out_of_reach_waits_for_the_next_probe(probe_in: float, step: int) -> None:
    stage = Stage()
    stage.circuits.out["exchange"] = probe_in
    assert stage.postponer.must_wait("exchange")
    async with stage.broker.subscribe(RELAY_QUEUE, 10) as subscription:
        [mail] = await received(stage, subscription, event(BOB))
        await stage.postponer.postpone_until_target_is_free([mail], subscription)
        assert stage.keys == [f"message.retry.{step}"]
        await stage.clock.advance(step)
        [again] = await subscription.batch(1, 0)
    assert again.body == mail.delivery.body
    assert stage.put_off("out") == 1


@pytest.mark.parametrize(("oldest_age", "step"), [(0.0, 1), (4.9, 1), (5.0, 5), (40.0, 15), (4000.0, 60)])
async def test_mail_for_a_busy_target_waits_as_long_as_the_oldest_mail_has(
    oldest_age: float, step: int
) -> None:
    stage = Stage()
    stage.pools.busy["exchange"] = oldest_age
    assert stage.postponer.must_wait("exchange")
    assert not stage.postponer.must_wait("elsewhere")
    async with stage.broker.subscribe(RELAY_QUEUE, 10) as subscription:
        mails = await received(stage, subscription, event(BOB))
        await stage.postponer.postpone_until_target_is_free(mails, subscription)
    assert stage.keys == [f"message.retry.{step}"]
    assert stage.put_off("busy") == 1


class UnreachableTarget:
    """A target that cannot be reached, and a store for the reports."""

    def __init__(self) -> None:
        self.probed = 0

    async def deliver_mail(
        self, target: str, envelope: Envelope, content: object
    ) -> Sequence[RecipientReply]:
        raise ConnectFailed("Connection refused.")

    async def probe(self, target: Target) -> None:
        self.probed += 1
        raise ConnectFailed("Connection refused.")

    async def report_outages(self, outages: Sequence[Outage]) -> None:
        return

    async def end_outages(self, targets: Sequence[str]) -> None:
        return


async def test_while_a_target_is_out_of_reach_its_mail_moves_no_more_than_once_or_twice_for_each_probe() -> (
    None
):
    clock, gone = ManualClock(), UnreachableTarget()
    broker, policy = RecordingBroker(clock), ProbePolicy((5.0, 15.0, 60.0, 300.0), failures=1)
    exchange = Target("exchange", Endpoint("mail.corp.example", 25, Tls.OFF))
    circuits = CircuitBreakers({"exchange": exchange}, gone, gone.probe, gone, clock, policy)  # type: ignore[arg-type]  # only this part of the store is used
    with suppress(ConnectFailed):
        await circuits.deliver_mail("exchange", Envelope("", (BOB,)), b"")
    metrics = Metrics(CollectorRegistry(), "0")
    postponer = EventPostponer(broker, PLAN, FakePools(clock), circuits, clock, metrics)

    async def relay() -> None:
        async with broker.subscribe(RELAY_QUEUE, 10) as subscription:
            while True:
                for delivery in await subscription.batch(10, 0):
                    await postponer.postpone_until_target_is_free(
                        [Received(event(BOB), delivery)], subscription
                    )

    tasks = [asyncio.create_task(relay()), asyncio.create_task(circuits.run())]
    await broker.publish([Publication(ROUTED_KEY, EVENT_CODEC.encode(event(BOB)))])
    await clock.somebody_sleeps()
    await clock.advance(3600)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert gone.probed > 10
    assert gone.probed <= len(broker.published) - 1 <= 2 * gone.probed


async def test_each_target_has_a_wait_of_its_own() -> None:
    stage = Stage()
    stage.circuits.out["exchange"], stage.pools.busy["elsewhere"] = 61, 0.0
    async with stage.broker.subscribe(RELAY_QUEUE, 10) as subscription:
        mails = await received(stage, subscription, event(BOB), event(EVE, target="elsewhere"), event(EVE))
        await stage.postponer.postpone_until_target_is_free(mails, subscription)
    assert sorted(stage.keys) == ["message.retry.1", "message.retry.63", "message.retry.63"]


async def test_an_event_that_is_too_early_comes_back_when_the_first_of_its_recipients_is_due() -> None:
    stage = Stage()
    async with stage.broker.subscribe(RELAY_QUEUE, 10) as subscription:
        [mail] = await received(stage, subscription, event(BOB, EVE))
        recipients = [deferred(stage, BOB, 299.0), deferred(stage, EVE, 16.0)]
        await stage.postponer.postpone_until_due(
            [EarlyRecipients(mail, recipients, whole_event=True)], subscription
        )
        assert stage.keys == ["message.retry.15"]
        await stage.clock.advance(15)
        [again] = await subscription.batch(1, 0)
        assert (again.body, again.redelivered) == (mail.delivery.body, False)
    assert stage.put_off("early") == 1


async def test_only_the_early_recipients_of_an_event_that_is_attempted_come_back() -> None:
    stage = Stage()
    async with stage.broker.subscribe(RELAY_QUEUE, 10) as subscription:
        [mail] = await received(stage, subscription, event(BOB, EVE))
        waiting = EarlyRecipients(mail, [deferred(stage, EVE, 60.0)], whole_event=False)
        await stage.postponer.postpone_until_due([waiting], subscription)
        await stage.clock.advance(60)
        [part] = await subscription.batch(1, 0)
        decoded = EVENT_CODEC.decode(part.body)
        assert isinstance(decoded, MessageRouted)
        assert [each.address for each in decoded.recipients] == [EVE]
        await subscription.requeue([mail.delivery])
        [unsettled] = await subscription.batch(1, 0)
    assert unsettled.body == mail.delivery.body


async def test_nothing_is_published_if_no_event_is_postponed() -> None:
    stage = Stage()
    async with stage.broker.subscribe(RELAY_QUEUE, 10) as subscription:
        await stage.postponer.postpone_until_due([], subscription)
        await stage.postponer.postpone_until_target_is_free([], subscription)
    assert stage.broker.published == []
