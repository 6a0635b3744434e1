"""Sessions that stay open between visits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from typing_extensions import override

from services.fetcher.mailboxes.opening import Opened
from services.fetcher.watch import open_mailboxes
from services.fetcher.watch.open_mailboxes import UNTOLD_AFTER, OpenMailboxes
from services.fetcher.watch.watched_hosts import LEFT_ALONE_FOR, POLLED_FOR
from shared.model.account import Account, Login, MailboxKind, RetryTimes, Routing, Watch
from shared.model.endpoint import Endpoint
from shared.model.errors import Fault, MailferryError
from shared.model.hosts import HostLimit, HostLimits
from shared.model.mailbox import UNMETERED, Listed, Meter
from shared.model.poll_interval import PollInterval
from shared.model.source_errors import LoginTooSoon, SourceRefused
from shared.model.tenant_room import TenantRoom
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
        self.resumed = self.aborted = self.forgotten = 0
        self.resume_error: MailferryError | None = None

    @override
    async def wait_for_change(self) -> None:
        self.begun.set()
        await asyncio.shield(self.changes)

    @override
    def forget_listing(self) -> None:
        self.forgotten += 1

    @override
    async def resume(self) -> bool:
        if self.resume_error is not None:
            raise self.resume_error
        self.resumed += 1
        self.changes = asyncio.get_running_loop().create_future()
        return False

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
        retry_times=RetryTimes(poll=PollInterval.every(60.0)),
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

    async def visit(self, of: Account, meter: Meter = UNMETERED, mails: int = 0) -> bool:
        """One visit that ends in order; returns whether its session stays open and is waited for."""
        mailbox = (await self.sessions.open(of, None, 1.0, meter)).mailbox
        if mails:
            uids = [str(number) for number in range(mails)]
            self.opened[-1].mails = dict.fromkeys(uids, b"mail")
            async for _ in mailbox.retrieve([Listed(uid, int(uid) + 1, 4) for uid in uids]):
                pass
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


async def test_auto_waits_where_the_server_can_tell(scene: Scene) -> None:
    assert await scene.visit(account(watch=Watch.AUTO))
    assert len(scene.sessions.waiting) == 1


async def test_auto_keeps_the_session_where_the_server_cannot_tell(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WaitingMailbox, "can_wait", False)
    for _ in range(2):
        assert not await scene.visit(account(watch=Watch.AUTO))
    assert (len(scene.opened), scene.sessions.accounts) == (1, ["acme/bob"])


async def test_auto_keeps_nothing_where_no_connection_is_to_spare(scene: Scene) -> None:
    scene.sessions.change_limits(100, HostLimits(HostLimit(connections=1)))
    assert not await scene.visit(account(watch=Watch.AUTO))
    assert (scene.sessions.accounts, scene.opened[0].finished) == ([], 1)


async def test_auto_keeps_the_session_of_a_host_that_refuses_to_tell(scene: Scene) -> None:
    await scene.visit(account(watch=Watch.AUTO))
    scene.opened[0].changes.set_exception(SourceRefused("IDLE was refused"))
    await asyncio.wait(scene.sessions.waiting)
    assert not await scene.visit(account(watch=Watch.AUTO))
    assert scene.sessions.accounts == ["acme/bob"]


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
    await asyncio.wait(scene.sessions.waiting)
    assert scene.sessions.lost == {"acme/bob": scene.clock.now() + 60.0}
    assert scene.sessions.change_seen.is_set()
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


@pytest.mark.parametrize(("connections", "kept"), [(4, 2), (3, 1), (1, 0), (0, 3)])
async def test_of_a_host_at_most_half_of_the_connections_are_kept(
    scene: Scene, connections: int, kept: int
) -> None:
    scene.sessions.change_limits(100, HostLimits(HostLimit(connections=connections)))
    assert sum([await scene.visit(account(name)) for name in "abc"]) == kept
    assert len(scene.sessions) == kept


async def test_open_sessions_give_way_to_visits_that_need_their_connections(scene: Scene) -> None:
    scene.sessions.change_limits(100, HostLimits(HostLimit(connections=4)))
    for name in "ab":
        await scene.visit(account(name))
    for name in "cd":
        await scene.sessions.open(account(name), None, 1.0, UNMETERED)
    assert scene.sessions.accounts == ["acme/a", "acme/b"]
    visit = (await scene.sessions.open(account("e"), None, 1.0, UNMETERED)).mailbox
    assert scene.sessions.accounts == ["acme/b"]
    assert scene.sessions.lost == {"acme/a": scene.clock.now() + 60.0}
    await visit.abort()
    await scene.sessions.open(account("f"), None, 1.0, UNMETERED)
    assert scene.sessions.accounts == ["acme/b"]


async def test_a_visit_in_its_own_open_session_needs_no_other_connection(scene: Scene) -> None:
    scene.sessions.change_limits(100, HostLimits(HostLimit(connections=2)))
    await scene.visit(account("a"))
    await scene.sessions.open(account("b"), None, 1.0, UNMETERED)
    await scene.visit(account("a"))
    assert (len(scene.opened), scene.sessions.accounts) == (2, ["acme/a"])


async def test_the_place_goes_to_the_account_whose_mail_came_last(scene: Scene) -> None:
    scene.sessions.change_limits(1, HostLimits())
    await scene.visit(account("quiet"))
    assert not await scene.visit(account("as quiet"))
    assert await scene.visit(account("busy"), mails=1)
    assert not await scene.visit(account("quiet"))
    assert scene.sessions.accounts == ["acme/busy"]


async def test_a_defect_in_waiting_ends_the_session_and_is_logged(scene: Scene) -> None:
    await scene.visit(account())
    with capture_logs() as logs:
        scene.opened[0].changes.set_exception(RuntimeError("a defect"))
        await asyncio.wait(scene.sessions.waiting)
    assert [each["event"] for each in logs] == ["watching ended unexpectedly"]
    assert (scene.sessions.accounts, [*scene.sessions.lost], scene.opened[0].aborted) == ([], ["acme/bob"], 1)


@pytest.mark.parametrize("error", [None, RuntimeError("a defect")])
async def test_a_visit_that_ends_while_its_session_is_resumed_leaves_no_connection(
    scene: Scene, error: Exception | None
) -> None:
    await scene.visit(account())
    begun = asyncio.Event()

    async def resume() -> bool:
        begun.set()
        if error is not None:
            raise error
        await asyncio.Event().wait()
        return False

    scene.opened[0].resume = resume  # type: ignore[method-assign] # never ends in order
    visit = asyncio.create_task(scene.visit(account()))
    await begun.wait()
    visit.cancel()
    await asyncio.wait([visit])
    assert (visit.cancelled() or visit.exception() is error, scene.opened[0].aborted) == (True, 1)


async def test_a_session_that_does_not_answer_is_soon_replaced(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_mailboxes, "RESUME_WITHIN", 0.0)
    await scene.visit(account())

    async def resume() -> bool:
        await asyncio.Event().wait()
        return False

    scene.opened[0].resume = resume  # type: ignore[method-assign] # a connection that a router forgot
    await scene.visit(account())
    assert (len(scene.opened), scene.opened[0].aborted) == (2, 1)


async def test_a_kept_session_that_the_server_ended_with_a_complaint_is_the_last_one_for_an_hour(
    scene: Scene,
) -> None:
    await scene.visit(account(watch=Watch.KEEP))
    scene.opened[0].resume_error = LoginTooSoon("Too many connections")
    await scene.visit(account(watch=Watch.KEEP))
    assert (scene.sessions.accounts, scene.opened[1].finished) == ([], 1)


async def test_a_change_that_is_signalled_while_the_visit_ends_is_kept_for_later(scene: Scene) -> None:
    await scene.visit(account())
    scene.opened[0].changes.set_result(None)
    await scene.sessions.change_seen.wait()
    assert scene.sessions.take_changed(5, busy={"acme/bob"}) == []
    assert scene.sessions.take_changed(5) == ["acme/bob"]


async def test_a_tenant_without_room_leaves_the_others_theirs(scene: Scene) -> None:
    scene.sessions.changed = dict.fromkeys(["acme/a", "acme/b", "zoo/a"])
    assert scene.sessions.take_changed(5, room=TenantRoom(1)) == ["acme/a", "zoo/a"]
    assert scene.sessions.take_changed(5, room=TenantRoom(1)) == ["acme/b"]


async def test_changes_without_mail_are_looked_at_after_growing_pauses(scene: Scene) -> None:
    pauses = []
    for _ in range(10):
        await scene.visit(account())
        (session,) = scene.sessions.sessions
        pauses.append(session.pause())
        session.has_told = True
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    await scene.visit(account(), mails=1)
    assert scene.sessions.sessions[0].pause() == 0


async def test_a_change_behind_many_without_mail_is_told_after_the_pause(scene: Scene) -> None:
    await scene.visit(account())
    scene.sessions.sessions[0].fruitless = 3
    scene.opened[0].changes.set_result(None)
    await scene.clock.somebody_sleeps()
    assert scene.sessions.take_changed(1) == []
    await scene.clock.advance(2.0)
    await asyncio.wait(scene.sessions.waiting)
    assert scene.sessions.take_changed(1) == ["acme/bob"]


async def test_a_host_that_did_not_tell_of_mail_twice_in_a_row_is_polled_for_a_day(scene: Scene) -> None:
    await scene.visit(account())
    with capture_logs() as logs:
        for stays in (True, False):
            await scene.clock.advance(UNTOLD_AFTER)
            assert await scene.visit(account(), mails=1) is stays
    assert [(each["log_level"], each["account"]) for each in logs] == [("warning", "acme/bob")]
    assert (scene.sessions.accounts, scene.sessions.waiting) == (["acme/bob"], [])
    await scene.clock.advance(POLLED_FOR)
    assert await scene.visit(account())


async def test_mail_that_the_server_told_of_shows_that_it_tells(scene: Scene) -> None:
    await scene.visit(account())
    for told in (False, True, False):
        await scene.clock.advance(UNTOLD_AFTER)
        if told:
            scene.opened[0].changes.set_result(None)
            await asyncio.wait(scene.sessions.waiting)
        assert await scene.visit(account(), mails=1)


async def test_mail_that_a_visit_left_for_the_next_is_not_held_against_the_server(scene: Scene) -> None:
    await scene.visit(account())
    for _ in range(5):
        await scene.clock.advance(60.0)
        assert await scene.visit(account(), mails=1)


async def test_nothing_stays_open_for_an_hour_where_the_server_complains_of_connections(
    scene: Scene,
) -> None:
    await scene.visit(account())
    scene.opened[0].changes.set_exception(LoginTooSoon("Too many connections"))
    await asyncio.wait(scene.sessions.waiting)
    assert not await scene.visit(account("amy"))
    assert (scene.sessions.accounts, scene.opened[1].finished) == ([], 1)
    await scene.clock.advance(LEFT_ALONE_FOR)
    assert await scene.visit(account("amy"))


async def test_a_host_that_refuses_to_tell_is_polled_for_a_day(scene: Scene) -> None:
    await scene.visit(account())
    scene.opened[0].changes.set_exception(SourceRefused("IDLE was refused"))
    await asyncio.wait(scene.sessions.waiting)
    assert not await scene.visit(account())
    assert scene.sessions.accounts == ["acme/bob"]


async def test_a_new_configuration_ends_the_sessions_of_accounts_that_are_not_in_it_as_they_were(
    scene: Scene,
) -> None:
    gone, changed, off, same = (account(name) for name in ("gone", "changed", "off", "same"))
    late = (await scene.sessions.open(replace(changed, name="late"), None, 1.0, UNMETERED)).mailbox
    for each in (gone, changed, off, same):
        await scene.visit(each)
    accounts = [replace(changed, target="there"), replace(off, enabled=False), same]
    await scene.sessions.keep_only({each.id: each for each in accounts})
    assert scene.sessions.accounts == ["acme/same"]
    await late.finish()
    assert not late.stays_open
    assert scene.sessions.accounts == ["acme/same"]


async def test_fewer_sessions_stay_open_where_a_new_configuration_allows_fewer(scene: Scene) -> None:
    accounts = [account(name) for name in "abc"]
    for each in accounts:
        await scene.visit(each)
    scene.sessions.change_limits(1, HostLimits())
    await scene.sessions.keep_only({each.id: each for each in accounts})
    assert scene.sessions.accounts == ["acme/c"]
    assert [*scene.sessions.lost] == ["acme/a", "acme/b"]


async def test_a_session_that_waits_for_one_folder_of_several_is_polled_as_usual(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WaitingMailbox, "waits_for_all", False)
    assert not await scene.visit(account())
    assert len(scene.sessions.waiting) == 1


async def test_an_open_session_holds_no_listing(scene: Scene) -> None:
    await scene.visit(account())
    assert scene.opened[0].forgotten == 1


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
