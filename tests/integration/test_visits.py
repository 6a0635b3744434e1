"""Visits to a mailbox, with the real ledger, and with a pipeline that the test plays itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from structlog.testing import capture_logs
from typing_extensions import override

from services.fetcher.decide.unchanged import read_state
from services.fetcher.flow_control.blob_room import BlobRoom
from services.fetcher.flow_control.daily_limits import DailyLimits
from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from services.fetcher.flow_control.tenant_quota import QuotaLimit
from services.fetcher.flow_control.tenant_quotas import TenantQuotas
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.opening import Opened
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.report import Visit
from services.fetcher.visit.visiting import Visitor
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.sql import open_store, upgrade
from shared.adapters.sql.store import SqlStore
from shared.adapters.system_clock import SystemClock
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched
from shared.contract.journal import RecipientOutcome
from shared.contract.topology import ROUTER_QUEUE, topology
from shared.custody.commands import Attempt, ChosenRecipient, Outcomes, RoutedMail
from shared.model.account import Account, CustodyMode, Login, MailboxKind, RetryTimes, Routing
from shared.model.address import Address
from shared.model.endpoint import Endpoint
from shared.model.errors import Fault, MailferryError
from shared.model.mailbox import UidRange
from shared.model.message import MessageStatus, RecipientStatus
from shared.model.poll_interval import PollInterval
from shared.model.reading import Oversize, Reading
from shared.model.retention import Retention
from shared.model.source_errors import CredentialsRefused, ProcessEnds
from shared.net.errors import ConnectFailed
from shared.ports.blobs import Blobs
from shared.ports.store import Lease, LedgerRow, Release, Schedule, Usage, VisitReport, day_of
from shared.runtime.metrics import Metrics
from shared.runtime.unrecorded_blobs import UnrecordedBlobs
from tests.fakes.late_broker import AWAY, LateBroker
from tests.fakes.mailbox import FakeMailbox

LEASE = 60.0
IMPATIENT = Limits(settle_wait=0.05, longest_wait=0.1)
PATIENT = Limits(settle_wait=30.0)
ACCOUNT = Account(
    tenant="acme",
    name="bob",
    protocol="pop3",
    endpoint=Endpoint("pop.test", 110),
    login=Login("bob", SecretStr("x"), ("user",)),
    target="here",
    routing=Routing(MailboxKind.SINGLE, Address("bob", "here.test")),
)


class HurriedClock(SystemClock):
    """The system's clock, which a test can put forward."""

    ahead = 0.0
    ran_on = 0.0

    @override
    def now(self) -> float:
        return super().now() + self.ahead

    @override
    def monotonic(self) -> float:
        return super().monotonic() + self.ran_on

    def run_on(self, seconds: float) -> None:
        self.ran_on += seconds


class World:
    """An account with its mailbox, and what is around a fetcher."""

    def __init__(self, store: SqlStore, directory: Path) -> None:
        self.clock = HurriedClock()
        self.store = store
        self.broker = MemoryBroker(topology([60]), self.clock)
        self.blobs: Blobs = FileBlobs(directory)
        self.board = SettlementTracker(self.clock)
        self.mailbox = FakeMailbox({})
        self.is_stopping: Callable[[], bool] = lambda: False
        self.account = ACCOUNT
        self.method: str | None = None
        self.login_delay = 0.0
        self.tried: list[str | None] = []
        self.login_error: MailferryError | None = None
        self.unrecorded: UnrecordedBlobs | None = None
        self.daily_limits: DailyLimits | None = None
        self.registry = CollectorRegistry()
        """Of the last visit's metrics."""
        self._ids = 0

    @cached_property
    def room(self) -> BlobRoom:
        """What all visits share, of the blobs as they are when the first one begins."""
        return BlobRoom(self.blobs)

    async def visit(self, limits: Limits = IMPATIENT, *, stopping: bool = False) -> Visit:
        """One visit, whose lease is taken and given back."""
        now = self.clock.now()
        schedule = Schedule(self.account.id, self.account.retry_times.poll.longest, enabled=True)
        await self.store.fetcher.sync_accounts([schedule], now)
        (lease,) = await self.store.fetcher.lease_these("fetcher", [self.account.id], now, now + LEASE)
        return await self._visitor(limits).visit(self.account, lease, lambda: stopping or self.is_stopping())

    async def visit_under(self, lease: Lease) -> Visit:
        return await self._visitor(IMPATIENT).visit(self.account, lease)

    def _visitor(self, limits: Limits) -> Visitor:
        self.registry = CollectorRegistry()

        async def open_mailbox(_: Account, method: str | None, __: float) -> Opened:
            self.tried.append(method)
            if self.login_error is not None:
                raise self.login_error
            return Opened(self.mailbox, self.method, self.login_delay)

        return Visitor(
            name="fetcher",
            leases=self.store.fetcher,
            ports=Ports(
                self.store.fetcher,
                self.broker,
                self.blobs,
                self.clock,
                self._new_id,
                unrecorded_blobs=self.unrecorded,
                blob_room=self.room,
                daily_limits=self.daily_limits,
            ),
            board=self.board,
            limits=limits,
            open_mailbox=open_mailbox,
            metrics=Metrics(self.registry, "test"),
            chance=lambda: 0.0,
        )

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:026d}"

    async def fetched(self, count: int) -> list[MessageFetched]:
        """The next `count` events for the router."""
        events: list[MessageFetched] = []
        async with self.broker.subscribe(ROUTER_QUEUE, 1) as subscription:
            while len(events) < count:
                deliveries = await subscription.batch(1, 0)
                events += [
                    event
                    for each in deliveries
                    if isinstance(event := EVENT_CODEC.decode(each.body), MessageFetched)
                ]
                await subscription.ack(deliveries)
        return events

    async def deliver(self, count: int, status: RecipientStatus = RecipientStatus.DELIVERED) -> None:
        """Play router and relay for the next `count` mails, hints included."""
        now = self.clock.now()
        for _ in range(count):
            (event,) = await self.fetched(1)
            bob = ChosenRecipient("bob@here.test", "", "it is his mailbox")
            mail = RoutedMail(event.message, event.fetch_no, event.message, "", "", "here", "", (bob,))
            await self.store.router.record_routed([mail], now, LEASE)
            attempt = Attempt(event.message, event.fetch_no, ((bob.address, 0),), "relay")
            await self.store.relay.begin_attempts([attempt], now, LEASE)
            outcome = RecipientOutcome(
                address=bob.address,
                status=status,
                code="",
                text="",
                destination=bob.address,
                next_attempt_at=now + 60 if status is RecipientStatus.DEFERRED else None,
            )
            await self.store.relay.end_attempts([Outcomes(event.message, ((outcome, 1),))], now, LEASE)
            self.board.mark_settled([event.message])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    yield World(store, tmp_path / "blobs")
    await store.close()


async def test_what_is_settled_during_the_visit_is_deleted_in_it(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22"}
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(2))
    assert (visit.report.fetched, visit.report.deleted, visit.report.waiting) == (2, 2, 0)
    assert world.mailbox.mails == {}


async def test_what_is_settled_later_is_deleted_by_the_next_visit(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    first = await world.visit()
    assert (first.report.fetched, first.report.deleted, first.report.waiting) == (1, 0, 1)
    await world.deliver(1)
    second = await world.visit()
    assert (second.report.fetched, second.report.deleted, second.report.waiting) == (0, 1, 0)
    assert world.mailbox.mails == {}


async def test_a_mailbox_that_deletes_at_once_shows_in_the_same_visit_what_is_gone(world: World) -> None:
    world.mailbox = FakeMailbox({"a": b"1", "b": b"22"})
    world.mailbox.deletes_at_once = True
    world.mailbox.undeletable = {"b"}
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(2))
    assert (visit.report.fetched, visit.report.deleted) == (2, 1)
    assert list(world.mailbox.mails) == ["b"]
    (row,) = await world.store.fetcher.ledger_rows(ACCOUNT.id)
    assert (row.key.uid, row.status) == ("b", MessageStatus.DELETING)


async def test_a_failed_end_leaves_the_deletions_of_a_mailbox_that_deletes_at_once(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    world.mailbox.deletes_at_once = world.mailbox.keeps_all = True
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(1))
    assert visit.report.deleted == 1


async def test_a_mailbox_that_deletes_at_once_needs_no_session_for_its_deletions_alone(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    await world.deliver(1)
    world.mailbox.deletes_at_once = True
    world.mailbox.mails["b"] = b"22"
    world.login_error = ConnectFailed("no", fault=Fault.SOURCE)
    await world.visit()
    world.login_error = None
    visit = await world.visit()
    assert (visit.report.fetched, visit.report.deleted, visit.more) == (1, 1, False)


@pytest.mark.parametrize(("header", "gone", "left"), [(b"Subject: a", 1, 0), (b"Subject: other", 0, 1)])
async def test_the_header_decides_whether_a_mail_of_another_size_is_the_one_that_was_read(
    world: World, header: bytes, gone: int, left: int
) -> None:
    """Exchange lists estimates."""
    world.mailbox.mails = {"a": b"Subject: a\r\n\r\ntext\r\n"}
    await world.visit()
    await world.deliver(1)
    world.mailbox.listed = {"a": 5}
    world.mailbox.mails["a"] = header + b"\r\n\r\ntext\r\n"
    visit = await world.visit()
    assert (visit.report.deleted, len(world.mailbox.mails)) == (gone, left)


async def test_where_no_header_is_to_be_had_another_size_is_another_mail(world: World) -> None:
    world.mailbox.mails = {"a": b"Subject: a\r\n\r\ntext\r\n"}
    await world.visit()
    await world.deliver(1)
    world.mailbox.listed, world.mailbox.has_top = {"a": 5}, False
    visit = await world.visit()
    assert (visit.report.deleted, visit.report.fetched) == (0, 1)


async def test_the_state_of_the_account_is_given_to_the_next_visit(world: World) -> None:
    now = world.clock.now()
    await world.store.fetcher.sync_accounts([Schedule(ACCOUNT.id, 60.0, enabled=True)], now)
    (lease,) = await world.store.fetcher.lease_these("fetcher", [ACCOUNT.id], now, now + LEASE)
    await world.store.fetcher.release_leases(
        [Release(lease.fence, VisitReport(state='{"other":7}'), now, now)]
    )
    await world.visit()
    (lease,) = await world.store.fetcher.lease_these("fetcher", [ACCOUNT.id], now, now + LEASE)
    assert read_state(lease.state)["other"] == 7


async def test_a_hint_without_a_settlement_deletes_nothing(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}

    async def lie() -> None:
        (event,) = await world.fetched(1)
        world.board.mark_settled([event.message])

    visit, _ = await asyncio.gather(world.visit(PATIENT), lie())
    assert (visit.report.deleted, world.mailbox.mails) == (0, {"a": b"1"})


async def test_a_deferred_mail_stays_and_is_not_fetched_again(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    await world.deliver(1, RecipientStatus.DEFERRED)
    visit = await world.visit()
    assert (visit.report.fetched, visit.report.waiting) == (0, 1)
    assert world.mailbox.retrieved == ["a"]


async def test_a_mail_that_was_lost_on_its_way_is_as_old_as_when_it_was_first_fetched(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    (first,) = await world.fetched(1)
    await world.store.maintenance.lose_all("the broker was emptied", world.clock.now())
    await world.visit()
    (again,) = await world.fetched(1)
    assert (again.fetch_no, again.fetched_at) == (2, first.fetched_at)


async def test_kept_copies_count_as_done(world: World) -> None:
    world.account = replace(ACCOUNT, retention=Retention(None))
    world.mailbox.mails = {"a": b"1"}
    visit, _ = await asyncio.gather(world.visit(replace(PATIENT, wait_always=True)), world.deliver(1))
    assert (visit.report.deleted, visit.report.waiting) == (0, 0)
    assert world.mailbox.mails == {"a": b"1"}


async def test_one_mail_that_is_not_handed_out_blocks_no_other(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"2", "c": b"3"}
    world.mailbox.withheld = {"b"}
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(2))
    assert (visit.report.fetched, visit.report.deleted, visit.report.failed) == (2, 2, False)
    assert "b" in str(visit.report.problem)
    assert world.mailbox.mails == {"b": b"2"}


@pytest.mark.parametrize(("is_replaced", "finished"), [(False, 1), (True, 0)])
async def test_a_source_that_hides_what_was_read_gets_no_quit_after_something_came_in_place_of_a_mail(
    world: World, is_replaced: bool, finished: int
) -> None:
    world.account = replace(ACCOUNT, custody=CustodyMode.SPOOL)
    world.mailbox.mails = {"a": b"1", "b": b"2"}
    (world.mailbox.replaced if is_replaced else world.mailbox.withheld).add("b")
    visit = await world.visit()
    assert (visit.report.fetched, world.mailbox.finished) == (1, finished)
    assert ("the session was broken off" in str(visit.report.problem)) == is_replaced


async def test_after_a_visit_that_broke_off_deletions_get_a_session_of_their_own(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    await world.deliver(1)
    world.mailbox.mails["b"] = b"2"
    world.mailbox.broken_at = "b"

    broken = await world.visit()
    assert broken.report.failed
    assert world.mailbox.mails == {"a": b"1", "b": b"2"}

    deleting = await world.visit()
    assert (deleting.report.deleted, deleting.report.fetched, deleting.more) == (1, 0, True)
    assert world.mailbox.mails == {"b": b"2"}


async def test_a_mail_with_a_flag_to_skip_is_fetched_when_the_flag_is_gone(world: World) -> None:
    world.account = replace(ACCOUNT, retention=Retention(None))
    world.mailbox.mails, world.mailbox.flagged = {"a": b"1", "b": b"2"}, {"b"}
    await asyncio.gather(world.visit(PATIENT), world.deliver(1))
    assert world.mailbox.retrieved == ["a"]
    for _ in range(2):
        visit = await world.visit()
        assert (visit.report.fetched, visit.report.waiting, visit.report.problem) == (0, 0, None)
    world.mailbox.flagged = set()
    assert (await world.visit()).report.fetched == 1
    assert world.mailbox.retrieved == ["a", "b"]


async def test_a_mail_in_custody_that_gets_a_flag_to_skip_is_not_taken_for_gone(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    world.mailbox.flagged = {"a"}
    await world.visit()
    (row,) = await world.store.fetcher.ledger_rows(ACCOUNT.id)
    assert row.key.uid == "a"
    await world.deliver(1)
    assert (await world.visit()).report.deleted == 1
    assert world.mailbox.mails == {}


async def due_in(world: World) -> float:
    """After how many seconds the account is due again."""
    (state,) = await world.store.operator.account_states()
    assert state.visited_at is not None
    return round(state.due_at - state.visited_at, 3)


async def test_an_account_without_mail_is_visited_less_and_less_and_at_once_often_when_mail_comes(
    world: World,
) -> None:
    world.account = replace(ACCOUNT, retry_times=RetryTimes(poll=PollInterval(60.0, 600.0)))
    pauses = []
    for hours in (0, 1, 1, 100):
        world.clock.ahead += hours * 3600.0
        await world.visit()
        pauses.append(await due_in(world))
    assert pauses == [60.0, 90.0, 135.0, 600.0]
    world.mailbox.mails = {"a": b"1"}
    assert (await world.visit()).report.fetched == 1
    assert await due_in(world) == 60.0


async def test_a_failure_does_not_begin_the_growth_of_the_interval_anew(world: World) -> None:
    world.account = replace(ACCOUNT, retry_times=RetryTimes(poll=PollInterval(60.0, 600.0)))
    await world.visit()
    world.clock.ahead += 100 * 3600.0
    world.login_error = CredentialsRefused("no")
    await world.visit()
    world.login_error = None
    await world.visit()
    assert await due_in(world) == 600.0


@pytest.mark.parametrize(("failures", "within"), [(0, 1.0), (1, 2.0), (2, None)])
async def test_a_connection_dropped_in_the_middle_of_a_visit_costs_seconds_and_no_poll_interval(
    world: World, failures: int, within: float | None
) -> None:
    world.account = replace(ACCOUNT, retry_times=RetryTimes(poll=PollInterval.every(3600.0)))
    world.mailbox.mails, world.mailbox.broken_at = {"a": b"1"}, "a"
    now = world.clock.now()
    await world.store.fetcher.sync_accounts([Schedule(ACCOUNT.id, 3600.0, enabled=True)], now)
    (lease,) = await world.store.fetcher.lease_these("fetcher", [ACCOUNT.id], now, now + LEASE)
    with capture_logs() as logs:
        assert (await world.visit_under(replace(lease, failures=failures))).report.failed
    (state,) = await world.store.operator.account_states()
    assert state.due_at - now < (within + 60 if within else 3700)
    tries = [log for log in logs if log["event"] == "connection was dropped"]
    if within is None:
        assert (state.due_at - now >= 3600, tries) == (True, [])
    else:
        (log,) = tries
        assert (log["log_level"], log["account"], log["attempt"]) == ("info", ACCOUNT.id, failures + 1)
        assert log["again_in"] == within


async def test_the_log_of_a_visit_names_the_account_where_all_went_well(world: World) -> None:
    with capture_logs() as logs:
        await world.visit()
    (log,) = [log for log in logs if log["event"] == "visited"]
    assert (log["account"], log["outcome"]) == (ACCOUNT.id, "ok")


async def test_what_arrived_whole_before_a_visit_broke_off_is_delivered(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22", "c": b"333"}
    world.mailbox.broken_at = "b"
    assert (await world.visit()).report.failed
    (event,) = await world.fetched(1)
    assert (event.key.uid, event.payload.inline) == ("a", b"1")


@pytest.mark.parametrize("most", [0, 1])
async def test_a_mail_that_breaks_every_visit_blocks_no_other(world: World, most: int) -> None:
    world.account = replace(ACCOUNT, reading=Reading(max_messages=most))
    world.mailbox.mails = {"a": b"1", "b": b"22", "c": b"333"}
    world.mailbox.broken_at = "a"
    for _ in range(4):
        await world.visit()
    assert sorted(each.key.uid for each in await world.fetched(2)) == ["b", "c"]
    world.mailbox.broken_at = None
    world.clock.ahead += 300
    await world.visit()
    (event,) = await world.fetched(1)
    assert event.key.uid == "a"
    (state,) = await world.store.operator.account_states()
    assert state.read_failures == ()


async def test_a_mail_that_is_not_handed_out_is_tried_at_growing_distance_over_visits(
    world: World,
) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22"}
    world.mailbox.withheld = {"a"}
    asked: list[float] = []
    for _ in range(60):
        visit = await world.visit()
        (state,) = await world.store.operator.account_states()
        (setback,) = state.read_failures
        assert "not today" in str(visit.report.problem)
        assert "a" in world.mailbox.mails
        if setback.times > len(asked):
            asked.append(world.clock.ahead)
        world.clock.ahead += 100
    assert [round(later - earlier, -2) for earlier, later in pairwise(asked)] == [300, 600, 1200, 2400]


async def hasty_visits(world: World, hours: float) -> list[Visit]:
    """The visits of so many hours, each made when it is due."""
    visits: list[Visit] = []
    end = world.clock.now() + hours * 3600
    while world.clock.now() < end:
        visits.append(await world.visit())
        (state,) = await world.store.operator.account_states()
        world.clock.ahead += max(state.due_at - world.clock.now(), 1)
    return visits


@pytest.mark.parametrize("count", [1, 2])
async def test_a_server_that_serves_no_mail_for_hours_is_asked_at_growing_distance_up_to_an_hour(
    world: World, count: int
) -> None:
    world.mailbox.mails = {f"uid{number}": b"1" for number in range(count)}
    world.mailbox.hasty = set(world.mailbox.mails)
    visits = await hasty_visits(world, 6)
    assert all(visit.report.failed and "mail uid0 was tried" in str(visit.report.problem) for visit in visits)
    assert 9 <= len(visits) <= 13
    world.mailbox.hasty = set()
    assert (await world.visit()).report.fetched == count


async def test_a_mail_that_is_always_refused_in_haste_delays_no_other_once_others_came_beside_it(
    world: World,
) -> None:
    world.mailbox.mails = {"bad": b"1", "good": b"2"}
    world.mailbox.hasty = {"bad"}
    assert (await world.visit()).report.fetched == 1
    await world.deliver(1)
    visits = await hasty_visits(world, 6)
    assert not any(visit.report.failed for visit in visits)
    assert all("mail bad was tried" in str(visit.report.problem) for visit in visits)
    assert len(visits) > 300
    (state,) = await world.store.operator.account_states()
    (setback,) = state.read_failures
    assert 8 <= setback.times <= 11


async def test_a_mail_that_was_refused_in_haste_alone_is_known_once_others_come_beside_it(
    world: World,
) -> None:
    world.mailbox.mails = {"bad": b"1"}
    world.mailbox.hasty = {"bad"}
    assert all(visit.report.failed for visit in await hasty_visits(world, 2))
    world.mailbox.mails["good"] = b"2"
    visit = await world.visit()
    assert (visit.report.failed, visit.report.fetched) == (False, 1)
    await world.deliver(1)
    assert not any(visit.report.failed for visit in await hasty_visits(world, 3))


async def test_mails_that_are_refused_together_behind_others_time_and_again_delay_no_more(
    world: World,
) -> None:
    world.mailbox.mails = {"good1": b"1", "bad1": b"2", "bad2": b"3"}
    world.mailbox.hasty = {"bad1", "bad2"}
    first = await world.visit()
    await world.deliver(1)
    assert (await world.visit()).report.deleted == 1
    world.mailbox.mails["good2"] = b"4"
    second = await world.visit()
    await world.deliver(1)
    assert [(visit.report.fetched, visit.report.failed) for visit in (first, second)] == [(1, True)] * 2
    assert not any(visit.report.failed for visit in await hasty_visits(world, 3))


async def test_what_a_mail_broke_is_gone_on_with_at_once(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22", "c": b"333"}
    world.mailbox.endless = {"b"}
    first = await world.visit()
    assert (first.report.failed, first.report.fetched, first.more) == (False, 1, True)
    await world.deliver(1)
    second = await world.visit()
    assert (second.report.fetched, second.report.deleted, second.more) == (1, 1, False)
    assert "more than the cap allows" in str(second.report.problem)
    assert list(world.mailbox.mails) == ["b", "c"]


async def test_a_server_that_serves_no_mail_for_now_is_left_in_order(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22"}
    world.mailbox.busy_at = "b"
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(1))
    assert (visit.report.failed, visit.report.deleted, visit.more) == (True, 1, False)
    assert world.mailbox.mails == {"b": b"22"}
    (state,) = await world.store.operator.account_states()
    assert 2900 <= state.due_at - world.clock.now() <= 3300
    assert state.read_failures == ()


async def test_a_mail_larger_than_the_account_takes_is_left_and_reported(world: World) -> None:
    world.account = replace(ACCOUNT, reading=Reading(max_size=10))
    world.mailbox.mails = {"a": b"x" * 11, "b": b"y" * 10}
    for _ in range(2):
        visit = await world.visit()
        assert "left at the source, as max_size is 10 octets: a (11 octets)" in str(visit.report.problem)
    assert world.mailbox.retrieved == ["b"]
    world.account = replace(ACCOUNT, reading=Reading(max_size=11))
    await world.visit()
    assert world.mailbox.retrieved == ["b", "a"]


async def test_a_mail_larger_than_it_was_listed_is_left_too_and_not_read_again(world: World) -> None:
    world.account = replace(ACCOUNT, reading=Reading(max_size=10))
    world.mailbox.mails = {"a": b"x" * 1000}
    world.mailbox.listed = {"a": 5}
    for limits in (IMPATIENT, IMPATIENT, replace(IMPATIENT, inline_limit=1)):
        visit = await world.visit(limits)
        assert (visit.report.fetched, visit.report.waiting) == (0, 1)
    assert world.mailbox.retrieved == ["a"]
    assert await world.store.fetcher.ledger_rows(ACCOUNT.id) == []


async def test_a_mail_to_be_parked_for_its_size_says_so_on_its_way(world: World) -> None:
    world.account = replace(ACCOUNT, reading=Reading(max_size=10, oversize=Oversize.PARK))
    world.mailbox.mails = {"a": b"x" * 11, "b": b"y"}
    await world.visit()
    reasons = [event.park_reason for event in await world.fetched(2)]
    assert reasons == ["larger than the account takes: 11 octets, max_size is 10", None]


async def test_a_pass_stops_at_its_octets_and_the_next_one_goes_on_at_once(world: World) -> None:
    world.account = replace(ACCOUNT, reading=Reading(max_bytes=4))
    world.mailbox.mails = {"a": b"1", "b": b"22", "c": b"333", "d": b"4444444"}
    visits = [await world.visit() for _ in range(3)]
    assert [(visit.report.fetched, visit.more) for visit in visits] == [(2, True), (1, True), (1, False)]


async def test_a_session_at_its_deadline_asks_for_no_more_and_ends_in_order(world: World) -> None:
    world.account = replace(ACCOUNT, reading=Reading(session_deadline=100.0))
    world.mailbox.mails = {"a": b"1", "b": b"22", "c": b"333"}
    world.mailbox.before_each = lambda: world.clock.run_on(60)
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(2))
    assert (visit.report.fetched, visit.report.deleted, visit.more) == (2, 2, True)
    assert "deadline" in str(visit.report.problem)
    assert (world.mailbox.mails, world.mailbox.finished) == ({"c": b"333"}, 1)


async def test_a_visit_that_is_to_stop_reads_no_more_of_what_it_has_set_out_to_read(world: World) -> None:
    world.mailbox.mails = {str(n): b"1" * (n + 1) for n in range(5)}
    world.is_stopping = lambda: len(world.mailbox.retrieved) >= 2
    visit = await world.visit()
    assert (visit.report.fetched, visit.more, visit.report.problem) == (2, True, None)
    world.is_stopping = lambda: False
    assert (await world.visit()).report.fetched == 3


async def test_mails_that_come_slowly_do_not_wait_for_the_last(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22", "c": b"333"}
    known: list[int] = []

    def before_each() -> None:
        world.clock.run_on(1.1)
        known.append(len(world.board))

    world.mailbox.before_each = before_each
    await world.visit()
    assert known == [0, 0, 2]


async def test_a_session_that_does_not_end_well_keeps_no_new_mail_from_being_fetched(world: World) -> None:
    world.mailbox.mails, world.mailbox.keeps_all = {"a": b"1"}, True
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(1))
    assert (visit.report.fetched, visit.report.deleted, visit.report.failed) == (1, 0, False)
    assert "some deleted messages not removed" in str(visit.report.problem)
    world.mailbox.mails["b"] = b"22"
    again, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(1))
    assert (again.report.fetched, again.more) == (1, False)


async def test_deletions_that_are_never_made_get_a_session_of_their_own_only_once(world: World) -> None:
    world.mailbox.mails, world.mailbox.broken_at = {"a": b"1", "z": b"22"}, "z"
    await asyncio.gather(world.visit(PATIENT), world.deliver(1))
    world.mailbox.broken_at, world.mailbox.keeps_all = None, True
    world.clock.ahead = 86_400.0
    visits = [await world.visit() for _ in range(2)]
    assert [(visit.report.fetched, visit.more) for visit in visits] == [(0, True), (1, False)]


async def test_no_more_is_under_way_than_the_window_lets_pass(world: World) -> None:
    world.mailbox.mails = {str(n): b"1" for n in range(5)}
    visit = await world.visit(replace(IMPATIENT, window_messages=2))
    assert (visit.report.fetched, visit.more) == (2, True)
    again = await world.visit(replace(IMPATIENT, window_messages=2))
    assert (again.report.fetched, again.more) == (0, False)


async def test_no_more_of_a_tenant_is_under_way_than_its_window_lets_pass_though_nothing_is_delivered(
    world: World,
) -> None:
    accounts = [replace(ACCOUNT, name=name) for name in ("amy", "bob", "cas")]
    fetched = []
    for _process in range(2):
        world.board = SettlementTracker(world.clock, TenantQuotas(world.clock, lambda _: QuotaLimit(4, 0)))
        for account in (*accounts, *accounts):
            world.account = account
            world.mailbox = FakeMailbox({f"{account.name}{n}": b"1" for n in range(3)})
            fetched.append((await world.visit()).report.fetched)
    assert fetched == [3, 1, *[0] * 10]


async def test_room_in_the_window_is_used_in_the_same_visit(world: World) -> None:
    world.mailbox.mails = {str(n): b"1" for n in range(5)}
    visit, _ = await asyncio.gather(world.visit(replace(PATIENT, window_messages=2)), world.deliver(5))
    assert (visit.report.fetched, visit.report.deleted) == (5, 5)


async def test_a_visit_told_to_stop_fetches_nothing_new_but_deletes(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    await world.deliver(1)
    world.mailbox.mails["b"] = b"2"
    visit = await world.visit(stopping=True)
    assert (visit.report.deleted, visit.report.fetched) == (1, 0)


async def test_a_large_mail_goes_into_a_blob_that_is_durable_before_the_ledger_knows_it(world: World) -> None:
    world.mailbox.mails = {"a": b"x" * 1000}
    await world.visit(replace(IMPATIENT, inline_limit=100))
    (event,) = await world.fetched(1)
    assert event.payload.inline is None
    assert event.payload.blob is not None
    assert b"".join([piece async for piece in world.blobs.read(event.payload.blob)]) == b"x" * 1000


async def test_a_visit_that_had_no_broker_is_due_again_as_soon_as_there_may_be_one(world: World) -> None:
    world.account = replace(ACCOUNT, retry_times=RetryTimes(poll=PollInterval.every(3600)))
    world.broker = LateBroker(topology([60]), world.clock)
    world.mailbox.mails = {"a": b"1"}
    visit = await world.visit()
    assert (visit.report.failed, AWAY in str(visit.report.problem)) == (True, True)
    (state,) = await world.store.operator.account_states()
    assert state.due_at - world.clock.now() <= 1


async def test_a_visit_whose_lease_has_passed_on_writes_nothing(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    now = world.clock.now()
    await world.store.fetcher.sync_accounts([Schedule(ACCOUNT.id, 60, enabled=True)], now)
    (old,) = await world.store.fetcher.lease_these("paused", [ACCOUNT.id], now - 2 * LEASE, now - LEASE)
    await world.store.fetcher.lease_these("another", [ACCOUNT.id], now, now + LEASE)

    visit = await world.visit_under(old)
    assert visit.report.failed
    assert await world.store.fetcher.ledger_rows(ACCOUNT.id) == []
    (state,) = await world.store.operator.account_states()
    assert state.leased_by == "another"


async def test_the_login_method_that_worked_is_tried_first_next_time(world: World) -> None:
    world.method = "scram-sha-256"
    await world.visit()
    world.method = "plain"
    await world.visit()
    await world.visit()
    assert world.tried == [None, "scram-sha-256", "plain"]


async def test_a_visit_that_our_end_interrupts_counts_as_none(world: World) -> None:
    world.login_error = ProcessEnds("the process had to end")
    with capture_logs() as lines:
        visit = await world.visit()
    assert visit.report.outcome == "interrupted"
    assert [line["outcome"] for line in lines if line["event"] == "visited"] == ["interrupted"]
    assert [line for line in lines if line["log_level"] == "warning"] == []
    for outcome in ("ok", "degraded", "failed"):
        assert world.registry.get_sample_value("mailferry_fetcher_visits_total", {"outcome": outcome}) == 0
    (state,) = await world.store.operator.account_states()
    assert (state.failures, state.problem, state.visited_at) == (0, None, None)
    assert state.due_at <= world.clock.now()


async def test_a_refused_login_makes_the_method_forgotten(world: World) -> None:
    world.method = "scram-sha-256"
    await world.visit()
    world.login_error = CredentialsRefused("the password is wrong")
    await world.visit()
    await world.visit()
    assert world.tried == [None, "scram-sha-256", None]


async def test_a_server_that_is_away_does_not_make_the_method_forgotten(world: World) -> None:
    world.account = replace(ACCOUNT, retry_times=RetryTimes(retries=1))
    world.method = "scram-sha-256"
    await world.visit()
    world.login_error = ConnectFailed("nobody there", fault=Fault.SOURCE)
    await world.visit()
    world.login_error = None
    world.mailbox.broken_at = "uid-1"
    world.mailbox.mails["uid-1"] = b"mail\r\n"
    await world.visit()
    await world.visit()
    assert world.tried == [None, *["scram-sha-256"] * 3]


async def test_a_mailbox_without_mail_that_never_had_any_needs_no_look_at_the_ledger(world: World) -> None:
    async def ledger_rows(account: str, _ranges: Sequence[UidRange] = ()) -> list[LedgerRow]:
        raise AssertionError(f"nothing can be known of {account}")

    world.store.fetcher.ledger_rows = ledger_rows  # type: ignore[assignment, method-assign]  # fails the test if used
    visit = await world.visit()
    assert visit.report.problem is None


async def test_a_host_that_wants_peace_is_not_visited_again_sooner(world: World) -> None:
    world.account = replace(
        ACCOUNT, retry_times=RetryTimes(poll=PollInterval.every(600.0)), shortest_interval=600.0
    )
    world.mailbox.mails = {f"uid-{n}": b"mail\r\n" for n in range(5)}
    visit = await world.visit(Limits(window_messages=2, settle_wait=0.01, longest_wait=0.02))
    assert visit.more
    assert (
        await world.store.fetcher.lease_due("fetcher", world.clock.now() + 500, world.clock.now() + 560, 1)
        == []
    )


async def test_a_server_that_wants_time_between_logins_gets_it(world: World) -> None:
    world.login_delay = 900.0
    await world.visit()
    (state,) = await world.store.operator.account_states()
    assert state.due_at - world.clock.now() > 890


async def test_a_tenants_limit_of_the_day_leaves_the_rest_at_the_source_until_the_next(world: World) -> None:
    def begun() -> DailyLimits:
        return DailyLimits(world.store.fetcher, world.clock, {"acme": 3}.get)

    world.daily_limits = begun()
    world.mailbox.mails = {f"{number}": b"mail %d" % number for number in range(5)}
    first = await world.visit()
    assert (first.report.fetched, first.more) == (3, True)
    assert first.report.problem is not None
    assert "its 3 mails of this day (daily_mails)" in first.report.problem
    await world.deliver(3)
    assert (await world.visit()).report.deleted == 3
    for limits in (world.daily_limits, begun()):
        world.daily_limits = limits
        again = await world.visit()
        assert (again.report.fetched, again.more, again.report.failed) == (0, False, False)
        assert "(daily_mails)" in str(again.report.problem)
    world.clock.ahead += 86_400
    next_day = await world.visit()
    assert (next_day.report.fetched, next_day.report.problem) == (2, None)


async def test_mails_of_a_visit_that_failed_count_for_the_tenants_day(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22"}
    world.mailbox.broken_at = "b"
    assert (await world.visit()).report.failed
    day = day_of(world.clock.now())
    assert await world.store.fetcher.tenant_usage(day, day) == [Usage("acme", day, 1, 1, 1)]
