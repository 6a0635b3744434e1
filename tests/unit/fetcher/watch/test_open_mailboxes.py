"""Sessions that stay open between visits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr
from typing_extensions import override

from services.fetcher.mailboxes.opening import Opened
from services.fetcher.watch.open_mailboxes import OpenMailboxes
from shared.model.account import Account, Login, MailboxKind, RetryTimes, Routing, Watch
from shared.model.endpoint import Endpoint
from shared.model.errors import Fault
from shared.model.hosts import HostLimit, HostLimits
from shared.model.mailbox import UNMETERED, Meter
from shared.net.errors import ConnectionLost
from tests.fakes.clock import ManualClock
from tests.fakes.mailbox import FakeMailbox

LOST = ConnectionLost("the server hung up", fault=Fault.SOURCE)


class WaitingMailbox(FakeMailbox):
    """A mailbox that waits until the test says that it `changes`, or breaks it."""

    can_wait = True

    def __init__(self) -> None:
        super().__init__({})
        self.changes: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun = asyncio.Event()
        self.resumed = self.aborted = 0
        self.resume_error: ConnectionLost | None = None

    @override
    async def wait_for_change(self) -> None:
        self.begun.set()
        await asyncio.shield(self.changes)

    @override
    async def resume(self) -> None:
        if self.resume_error is not None:
            raise self.resume_error
        self.resumed += 1
        self.changes = asyncio.get_running_loop().create_future()

    @override
    async def abort(self) -> None:
        self.aborted += 1


class CountingMeter(Meter):
    def __init__(self) -> None:
        self.octets = 0

    @override
    def received(self, octets: int) -> None:
        self.octets += octets


def account(name: str = "bob", watch: Watch = Watch.IDLE) -> Account:
    return Account(
        tenant="acme",
        name=name,
        protocol="imap",
        endpoint=Endpoint("imap.test", 993),
        login=Login(name, SecretStr("x")),
        target="here",
        routing=Routing(MailboxKind.SINGLE),
        retry_times=RetryTimes(poll=60.0),
        watch=watch,
    )


class Scene:
    """`opened` are the mailboxes that were opened, and the meters that they got."""

    def __init__(self, most: int = 10, hosts: HostLimits | None = None) -> None:
        self.opened: list[WaitingMailbox] = []
        self.meters: list[Meter] = []
        self.clock = ManualClock()
        self.sessions = OpenMailboxes(self._open, self.clock, most, hosts or HostLimits())
        self.sessions.begin_keeping()

    async def _open(self, _account: Account, _method: str | None, _within: float, meter: Meter) -> Opened:
        self.opened.append(WaitingMailbox())
        self.meters.append(meter)
        return Opened(self.opened[-1], "plain")

    async def visit(self, of: Account, meter: Meter = UNMETERED) -> bool:
        """One visit that ends in order; returns whether its session stays open and is waited for."""
        mailbox = (await self.sessions.open(of, None, 1.0, meter)).mailbox
        await mailbox.finish()
        await mailbox.abort()
        return mailbox.stays_open


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    await made.sessions.close()


async def test_the_next_visit_goes_on_in_the_open_session(scene: Scene) -> None:
    assert await scene.visit(account())
    assert await scene.visit(account())
    (mailbox,) = scene.opened
    assert (mailbox.resumed, mailbox.finished, mailbox.aborted) == (1, 0, 0)


async def test_a_change_names_the_account_once(scene: Scene) -> None:
    await scene.visit(account())
    scene.opened[0].changes.set_result(None)
    await scene.sessions.change_seen.wait()
    assert scene.sessions.take_changed(5) == ["acme/bob"]
    assert scene.sessions.take_changed(5) == []
    await scene.visit(account())
    assert scene.opened[0].resumed == 1


async def test_only_as_many_changes_are_taken_as_there_is_room_for(scene: Scene) -> None:
    for name in ("a", "b", "c"):
        await scene.visit(account(name))
        scene.opened[-1].changes.set_result(None)
    await asyncio.gather(*scene.sessions.waiting)
    assert scene.sessions.take_changed(2) == ["acme/a", "acme/b"]
    assert scene.sessions.take_changed(2) == ["acme/c"]


async def test_a_session_that_is_only_kept_is_not_waited_for(scene: Scene) -> None:
    assert not await scene.visit(account(watch=Watch.KEEP))
    assert not scene.opened[0].begun.is_set()
    await scene.visit(account(watch=Watch.KEEP))
    assert len(scene.opened) == 1


async def test_where_nothing_is_to_be_watched_each_visit_has_its_own_session(scene: Scene) -> None:
    for _ in range(2):
        assert not await scene.visit(account(watch=Watch.OFF))
    assert [each.finished for each in scene.opened] == [1, 1]


async def test_a_server_that_cannot_tell_is_not_watched(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WaitingMailbox, "can_wait", False)
    assert not await scene.visit(account())
    assert scene.opened[0].finished == 1


async def test_a_session_that_was_lost_is_opened_anew(scene: Scene) -> None:
    await scene.visit(account())
    scene.opened[0].resume_error = LOST
    await scene.visit(account())
    assert (len(scene.opened), scene.opened[0].aborted) == (2, 1)


async def test_an_account_that_was_changed_gets_a_session_of_its_own(scene: Scene) -> None:
    await scene.visit(account())
    await scene.visit(replace(account(), login=Login("bob", SecretStr("new"))))
    assert (len(scene.opened), scene.opened[0].aborted) == (2, 1)


async def test_a_watch_that_breaks_leads_to_a_visit_after_the_usual_time(scene: Scene) -> None:
    await scene.visit(account())
    scene.opened[0].changes.set_exception(LOST)
    await scene.clock.somebody_sleeps()
    assert scene.sessions.take_changed(1) == []
    await scene.clock.advance(60.0)
    assert scene.sessions.take_changed(1) == ["acme/bob"]
    assert (len(scene.sessions), scene.opened[0].aborted) == (0, 1)


async def test_a_visit_that_breaks_off_leaves_no_session_open(scene: Scene) -> None:
    mailbox = (await scene.sessions.open(account(), None, 1.0, UNMETERED)).mailbox
    await mailbox.abort()
    assert (len(scene.sessions), scene.opened[0].aborted) == (0, 1)


async def test_each_visit_counts_what_it_receives_itself(scene: Scene) -> None:
    first, second = CountingMeter(), CountingMeter()
    await scene.visit(account(), first)
    scene.meters[0].received(5)
    mailbox = (await scene.sessions.open(account(), None, 1.0, second)).mailbox
    scene.meters[0].received(7)
    assert (first.octets, second.octets) == (0, 7)
    await mailbox.finish()


async def test_a_process_keeps_no_more_sessions_than_it_may(scene: Scene) -> None:
    scene.sessions.change_limits(2, HostLimits())
    assert [await scene.visit(account(name)) for name in "abc"] == [True, True, False]


async def test_of_a_host_at_most_half_of_the_connections_are_kept_and_the_visits_get_the_others(
    scene: Scene,
) -> None:
    hosts = HostLimits(HostLimit(connections=4))
    scene.sessions.change_limits(100, hosts)
    assert [await scene.visit(account(name)) for name in "abc"] == [True, True, False]
    assert scene.sessions.without_open(hosts).of("imap.test").connections == 2
    assert scene.sessions.without_open(hosts).of("other.test").connections == 4


async def test_at_the_end_all_sessions_end_and_none_is_kept(scene: Scene) -> None:
    await scene.visit(account("a"))
    scene.sessions.stop_keeping()
    assert not await scene.visit(account("b"))
    await scene.sessions.close()
    assert [(each.finished, each.aborted) for each in scene.opened] == [(0, 1), (1, 1)]


async def test_the_session_of_an_account_that_is_gone_is_dropped(scene: Scene) -> None:
    await scene.visit(account())
    await scene.sessions.drop("acme/bob")
    assert (scene.sessions.accounts, scene.opened[0].aborted) == ([], 1)
