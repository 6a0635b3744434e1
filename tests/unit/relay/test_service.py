from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.relay.delivery.attempt import Attempter
from services.relay.delivery.outcome import RetryPolicy
from services.relay.delivery.outcome_recorder import OutcomeRecorder
from services.relay.maintenance.overdue_mails import OverdueMails
from services.relay.options import RelayOptions
from services.relay.service import MaintenanceTask, Relay
from services.relay.targets.circuit import ProbePolicy
from services.relay.targets.circuit_breakers import CircuitBreakers
from services.relay.targets.facts import LearntFacts
from services.relay.targets.target_pools import TargetPools
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.system_clock import SystemClock
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageRouted, Payload, RoutedRecipient
from shared.contract.topology import ROUTED_KEY, topology
from shared.custody.commands import Attempt, Outcomes
from shared.custody.state import Message, Recipient
from shared.model.account import Account, Login, MailboxKind, Routing
from shared.model.endpoint import Endpoint, Tls
from shared.model.message import RecipientStatus
from shared.model.target import Target
from shared.net.errors import ConnectFailed
from shared.ports.broker import Publication
from shared.ports.store import Begun, Concluded, Early, MaintenanceStore, Outage, RelayStore, Serving
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.metrics import Metrics
from shared.runtime.stop import Stop
from shared.smtp.envelope import Envelope, Phase, RecipientReply
from shared.smtp.reply import Reply
from tests.fakes.custody import BOB, EVE, recipient
from tests.fakes.registry import registry_of
from tests.fakes.target_facts import FactsInMemory

PLAN = topology([60])
OPTIONS = RelayOptions("relay-1", 900.0, BatchPolicy(prefetch=10, batch=10, linger=0.01), PLAN)
NO_ACCOUNTS: Mapping[str, Account] = {}
SWITCHED_OFF = Account(
    tenant="acme",
    name="inbox",
    protocol="pop3",
    endpoint=Endpoint("pop.test", 110),
    login=Login("bob", SecretStr("x")),
    target="exchange",
    routing=Routing(MailboxKind.SINGLE),
    enabled=False,
)
DELIVERED = Reply(250, (b"2.0.0 Taken",))


class Store:
    """Begins every attempt once, for recipients that are not in `not_due`, and records the outcomes."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = targets
        self._begun: set[tuple[str, int]] = set()
        self.not_due: set[str] = set()
        self.requested = 0
        self.outcomes: dict[str, RecipientStatus] = {}
        self.texts: dict[str, str] = {}
        self.recorded = asyncio.Condition()

    async def begin_attempts(self, wishes: Sequence[Attempt], now: float, lease: float) -> Begun:
        begun = self._begin(wishes, now)
        async with self.recorded:
            self.requested += len(wishes)
            self.recorded.notify_all()
        return begun

    def _begin(self, wishes: Sequence[Attempt], now: float) -> Begun:
        servings, early = [], []
        for wish in wishes:
            requested = [each for each in wish.recipients if each not in self._begun]
            due = [each for each in requested if each[0] not in self.not_due]
            if later := [each for each in requested if each not in due]:
                early.append(Early(wish.message, tuple(_deferred(*each, now) for each in later)))
            self._begun.update(due)
            if due:
                served = tuple(self._attempting(address, attempt) for address, attempt in due)
                servings.append(Serving(wish.message, served[0].target, "", served))
        return Begun(servings, early)

    async def extend_attempts(self, attempts: Sequence[Attempt], now: float, lease: float) -> None:
        raise AssertionError("no attempt takes that long here")

    async def end_attempts(self, wishes: Sequence[Outcomes], now: float, lease: float) -> Concluded:
        async with self.recorded:
            for wish in wishes:
                self.outcomes |= {each.address: each.status for each, _ in wish.outcomes}
                self.texts |= {each.address: each.text for each, _ in wish.outcomes}
            self.recorded.notify_all()
        return Concluded(())

    async def overdue_messages(self, now: float, patience: float, limit: int) -> Sequence[Message]:
        return []

    async def report_outages(self, outages: Sequence[Outage]) -> None:
        return

    async def end_outages(self, targets: Sequence[str]) -> None:
        return

    async def outages(self, now: float) -> Sequence[Outage]:
        return []

    async def has_begun(self, count: int) -> None:
        async with asyncio.timeout(60), self.recorded:
            await self.recorded.wait_for(lambda: self.requested >= count)

    async def has_recorded(self, count: int) -> None:
        async with asyncio.timeout(60), self.recorded:
            await self.recorded.wait_for(lambda: len(self.outcomes) >= count)

    def _attempting(self, address: str, attempt: int) -> Recipient:
        target = self._targets.get(address, "exchange")
        return recipient(address, RecipientStatus.ATTEMPTING, attempt=attempt + 1, target=target)


def _deferred(address: str, attempt: int, until: float) -> Recipient:
    return recipient(address, RecipientStatus.DEFERRED, attempt=attempt, next_attempt_at=until)


class Ways(TargetPools):
    """Pools of targets that accept and record everything; with an `error`, no target is reached."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__({}, helo_name="relay.example", capacity=10, clock=SystemClock())
        self.error = error
        self.taken: list[tuple[str, tuple[str, ...]]] = []

    async def reach(self, target: Target) -> None:
        if self.error is not None:
            raise self.error

    async def deliver_mail(
        self, target: str, envelope: Envelope, content: object
    ) -> Sequence[RecipientReply]:
        if self.error is not None:
            raise self.error
        self.taken.append((target, envelope.recipients))
        return [RecipientReply(each, DELIVERED, Phase.CONTENT) for each in envelope.recipients]


def event(*addresses: str, target: str = "exchange", account: str = "acme/inbox") -> Publication:
    recipients = tuple(RoutedRecipient(address=each, destination=each, attempt=1) for each in addresses)
    routed = MessageRouted(
        message="m", tenant="acme", account=account, fetch_no=1, target=target, reverse_path="",
        recipients=recipients, fetched_at=1.0, payload=Payload(octets=1, inline=b"x"),
    )  # fmt: skip
    return Publication(ROUTED_KEY, EVENT_CODEC.encode(routed))


@asynccontextmanager
async def relaying(
    store: Store,
    ways: Ways,
    broker: MemoryBroker,
    tmp_path: Path,
    accounts: Sequence[Account] = (),
    maintenance: Sequence[MaintenanceTask] = (),
) -> AsyncIterator[None]:
    clock, metrics, blobs = SystemClock(), Metrics(CollectorRegistry(), "0"), FileBlobs(tmp_path)
    attempter = Attempter(
        registry_of(accounts),
        blobs,
        clock,
        RetryPolicy((60.0,), 1e12),
        "relay.example",
        lambda: 0.0,
        metrics,
        LearntFacts(cast(RelayStore, FactsInMemory()), clock),
    )
    targets = {"exchange": Target("exchange", Endpoint("mail.corp.example", 25, Tls.OFF))}
    relay = Relay(
        broker,
        cast(RelayStore, store),
        ways,
        CircuitBreakers(
            targets, ways, ways.reach, cast(RelayStore, store), clock, ProbePolicy((0.01,), failures=1)
        ),
        attempter,
        OutcomeRecorder(cast(RelayStore, store), broker, blobs, clock, metrics, OPTIONS),
        [OverdueMails(cast(MaintenanceStore, store), broker, clock, 900.0).run, *maintenance],
        OPTIONS,
    )
    stop = Stop()
    async with asyncio.TaskGroup() as group:
        group.create_task(relay.run(stop))
        try:
            yield
        finally:
            stop.request("the test is over")


async def test_two_events_about_one_mail_in_one_batch_are_both_served(tmp_path: Path) -> None:
    store, ways = Store({EVE: "elsewhere"}), Ways()
    broker = MemoryBroker(PLAN, SystemClock())
    await broker.publish([event(BOB), event(EVE, target="elsewhere")])
    async with relaying(store, ways, broker, tmp_path):
        await store.has_recorded(2)
    assert sorted(ways.taken) == [("elsewhere", (EVE,)), ("exchange", (BOB,))]


async def test_a_stale_event_does_not_take_the_attempt_of_another_event_about_its_mail(
    tmp_path: Path,
) -> None:
    store, ways = Store({}), Ways()
    broker = MemoryBroker(PLAN, SystemClock())
    await broker.publish([event(BOB), event(BOB), event(BOB, EVE)])
    async with relaying(store, ways, broker, tmp_path):
        await store.has_recorded(2)
    assert sorted(ways.taken) == [("exchange", (BOB,)), ("exchange", (EVE,))]


async def test_early_recipients_come_back_and_the_others_are_delivered_to(tmp_path: Path) -> None:
    store, ways = Store({}), Ways()
    store.not_due.add(EVE)
    broker = MemoryBroker(PLAN, SystemClock())
    await broker.publish([event(BOB, EVE), event(EVE)])
    async with relaying(store, ways, broker, tmp_path):
        await store.has_recorded(1)
        assert ways.taken == [("exchange", (BOB,))]
        store.not_due.clear()
        await store.has_recorded(2)
    assert ways.taken == [("exchange", (BOB,)), ("exchange", (EVE,))]


async def test_two_events_about_one_mail_that_come_too_early_both_come_back(tmp_path: Path) -> None:
    store, ways = Store({}), Ways()
    store.not_due = {BOB, EVE}
    broker = MemoryBroker(PLAN, SystemClock())
    await broker.publish([event(BOB), event(EVE)])
    async with relaying(store, ways, broker, tmp_path):
        await store.has_begun(2)
        store.not_due.clear()
        await store.has_recorded(2)
    assert sorted(ways.taken) == [("exchange", (BOB,)), ("exchange", (EVE,))]


async def test_a_mistake_of_ours_in_an_attempt_defers_the_mail_and_frees_its_delivery(tmp_path: Path) -> None:
    store, ways = Store({}), Ways(KeyError("nobody thought of this"))
    broker = MemoryBroker(PLAN, SystemClock())
    await broker.publish([event(BOB)])
    async with relaying(store, ways, broker, tmp_path):
        await store.has_recorded(1)
    assert store.outcomes == {BOB: RecipientStatus.DEFERRED}
    assert "KeyError" in store.texts[BOB]


async def test_mail_for_a_target_out_of_reach_waits_without_an_attempt_until_a_probe_succeeds(
    tmp_path: Path,
) -> None:
    store, ways = Store({}), Ways(ConnectFailed("Connection refused."))
    broker = MemoryBroker(PLAN, SystemClock())
    async with relaying(store, ways, broker, tmp_path):
        await broker.publish([event(BOB)])
        await store.has_recorded(1)
        await broker.publish([event(EVE)])
        ways.error = None
        await store.has_recorded(2)
    assert store.outcomes == {BOB: RecipientStatus.DEFERRED, EVE: RecipientStatus.DELIVERED}


async def test_mail_of_an_account_that_is_switched_off_is_not_delivered(tmp_path: Path) -> None:
    store, ways = Store({}), Ways()
    broker = MemoryBroker(PLAN, SystemClock())
    await broker.publish([event(BOB), event(EVE, account="acme/other")])
    async with relaying(store, ways, broker, tmp_path, [SWITCHED_OFF]):
        await store.has_recorded(1)
    assert ways.taken == [("exchange", (EVE,))]


async def test_a_bug_in_a_maintenance_task_is_logged_and_the_task_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.relay.service.RESTART_DELAY", 0.0)
    store, ways, begun_again = Store({}), Ways(), asyncio.Event()
    mistakes = [KeyError("nobody thought of this")]

    async def task() -> None:
        if mistakes:
            raise mistakes.pop()
        begun_again.set()

    broker = MemoryBroker(PLAN, SystemClock())
    with capture_logs() as logs:
        async with relaying(store, ways, broker, tmp_path, maintenance=[task]), asyncio.timeout(60):
            await begun_again.wait()
            await broker.publish([event(BOB)])
            await store.has_recorded(1)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "maintenance task failed unexpectedly, begins again later"
    ]
    assert store.outcomes == {BOB: RecipientStatus.DELIVERED}


async def test_a_chore_that_fails_while_it_is_cancelled_does_not_keep_the_relay_from_ending(
    tmp_path: Path,
) -> None:
    begun = asyncio.Event()

    async def task() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("nobody thought of this")

    broker = MemoryBroker(PLAN, SystemClock())
    async with asyncio.timeout(60), relaying(Store({}), Ways(), broker, tmp_path, maintenance=[task]):
        await begun.wait()
