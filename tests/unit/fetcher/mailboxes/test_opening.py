"""What an opened mailbox tells about its server, and how opening it is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from typing_extensions import override

from services.fetcher.mailboxes.opening import (
    CONNECT_TIMEOUT,
    FIRST_CONNECT_TIMEOUT,
    Opened,
    is_worth_retrying,
    open_patiently,
    open_source,
    was_login_refused,
)
from services.fetcher.mailboxes.pop3 import login_delay
from services.fetcher.mailboxes.visit_observer import Retry
from shared.model.account import Account, Login, RetryTimes
from shared.model.endpoint import Endpoint
from shared.model.errors import Fault, MailferryError
from shared.model.mailbox import Meter
from shared.model.source_errors import (
    CredentialsRefused,
    ListingPutOff,
    LoginMethodsExhausted,
    LoginTooSoon,
    MailboxLocked,
    PlaceTaken,
    ProcessEnds,
    SourceBusy,
    SourceRefused,
    WrongService,
)
from shared.net.errors import ConnectFailed, ConnectionLost, InactivityTimeout
from shared.net.sasl import SaslError
from shared.pop3.capabilities import parse_capabilities
from shared.ports.store import LONGEST_WAIT
from tests.fakes.clock import ManualClock
from tests.fakes.mailbox import FakeMailbox
from tests.fakes.mails import account
from tests.fakes.pop3_server import HANG_UP, FakeSession, Outcome, Pop3Server


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b"LOGIN-DELAY 900\r\n", 900.0),
        (b"login-delay 60 USER\r\n", 60.0),
        (b"LOGIN-DELAY\r\n", 0.0),
        (b"LOGIN-DELAY soon\r\n", 0.0),
        (b"LOGIN-DELAY -5\r\n", 0.0),
        (b"LOGIN-DELAY 99999999999999999999\r\n", LONGEST_WAIT),
        (b"UIDL\r\n", 0.0),
    ],
)
def test_the_delay_between_logins_is_what_the_server_says_within_reason(body: bytes, seconds: float) -> None:
    assert login_delay(parse_capabilities(body)) == seconds


@pytest.mark.parametrize(
    ("error", "again", "refused"),
    [
        (ConnectFailed("nobody there", fault=Fault.SOURCE), True, False),
        (MailboxLocked("locked"), True, False),
        (LoginTooSoon("too often"), False, False),
        (SourceBusy("too many connections"), False, False),
        (SourceRefused("throttled", retry_after=300.0), False, False),
        (PlaceTaken("it drips"), False, False),
        (ProcessEnds("TERM"), False, False),
        (ListingPutOff("no memory"), False, False),
        (CredentialsRefused("wrong"), False, True),
        (LoginMethodsExhausted("none left"), False, True),
        (SaslError("no proof"), False, True),
    ],
)
def test_errors_are_tried_again_or_not(error: MailferryError, again: bool, refused: bool) -> None:
    assert (is_worth_retrying(error), was_login_refused(error)) == (again, refused)


LOST = ConnectionLost("the connection broke", fault=Fault.SOURCE)
SILENT = InactivityTimeout("it did not greet", fault=Fault.SOURCE)


class Failing:
    """Opens a mailbox after so many errors; remembers the seconds that each try had."""

    def __init__(self, *errors: MailferryError) -> None:
        self._errors = list(errors)
        self.given: list[float] = []

    async def __call__(self, _: Account, method: str | None, seconds: float) -> Opened:
        self.given.append(seconds)
        if self._errors:
            raise self._errors.pop(0)
        return Opened(FakeMailbox({}), method)


async def tried(
    opening: Failing, times: RetryTimes, note_retry: Callable[[Retry], None] | None = None
) -> tuple[list[float], list[MutableMapping[str, Any]]]:
    """The pauses between the tries, and what was logged; raises what ended them."""
    clock, pauses = ManualClock(), list[float]()
    asked = replace(account(), retry_times=times)
    with capture_logs() as logs:
        opened = open_patiently(asked, "plain", opening, clock, lambda: 0.0, note_retry or (lambda _: None))
        task = asyncio.ensure_future(opened)
        waiting = asyncio.ensure_future(clock.somebody_sleeps())
        while not task.done():
            await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
            if clock.naps:
                pauses += clock.naps
                await clock.advance(clock.naps[0])
                waiting.cancel()
                waiting = asyncio.ensure_future(clock.somebody_sleeps())
        waiting.cancel()
    task.result()
    return pauses, logs


async def test_a_connection_that_fails_is_tried_again_within_seconds_and_each_try_is_logged() -> None:
    opening = Failing(LOST, SILENT, LOST)
    pauses, logs = await tried(opening, RetryTimes(retries=5, retry_delay=3.0))
    assert pauses == [1.0, 2.0, 3.0]
    assert [(log["log_level"], log["account"], log["attempt"], log["again_in"]) for log in logs] == [
        ("info", account().id, 1, 1.0),
        ("info", account().id, 2, 2.0),
        ("info", account().id, 3, 3.0),
    ]


async def test_each_failure_that_another_try_follows_is_told() -> None:
    told: list[Retry] = []
    with pytest.raises(InactivityTimeout):
        await tried(Failing(LOST, SILENT), RetryTimes(retries=2), told.append)
    assert told == [Retry(account().id, 1, 2, 1.0, LOST)]


async def test_the_first_of_several_tries_is_short_so_that_a_silent_host_holds_no_place_for_long() -> None:
    opening = Failing(SILENT, SILENT)
    await tried(opening, RetryTimes(retries=3))
    assert opening.given == [FIRST_CONNECT_TIMEOUT, CONNECT_TIMEOUT, CONNECT_TIMEOUT]
    only = Failing()
    await tried(only, RetryTimes(retries=1))
    assert only.given == [CONNECT_TIMEOUT]
    impatient = Failing(SILENT)
    await tried(impatient, RetryTimes(retries=2, timeout=4.0))
    assert impatient.given == [4.0, 4.0]


async def test_tries_end_with_the_last_error_when_they_are_used_up() -> None:
    opening = Failing(LOST, LOST, SILENT)
    with pytest.raises(InactivityTimeout):
        await tried(opening, RetryTimes(retries=3))
    assert len(opening.given) == 3


async def test_a_refused_login_is_not_tried_again() -> None:
    opening = Failing(CredentialsRefused("wrong"))
    with pytest.raises(CredentialsRefused):
        await tried(opening, RetryTimes(retries=3))
    assert len(opening.given) == 1


class HastyClock(ManualClock):
    """Sleeps no time at all."""

    @override
    async def sleep(self, seconds: float) -> None:
        await super().sleep(0)


@pytest.mark.parametrize("drops", [1, 2])
@pytest.mark.parametrize("command", ["GREETING", "AUTH"])
async def test_a_server_that_drops_connections_for_a_moment_is_logged_in_to(command: str, drops: int) -> None:
    left = [HANG_UP] * drops

    def drop(_: FakeSession, __: str) -> Outcome:
        return left.pop() if left else None

    async with Pop3Server({"bob": []}, behaviours={command: drop}) as server:
        asked = replace(
            account(),
            endpoint=Endpoint("127.0.0.1", server.port),
            login=Login("bob", SecretStr("secret"), ("plain",)),
        )
        opened = await open_patiently(asked, None, open_source, HastyClock(), lambda: 0.0)
        await opened.mailbox.finish()
        assert server.connections == drops + 1


async def test_a_port_where_something_else_is_spoken_is_tried_once() -> None:
    async with Pop3Server({"bob": []}, behaviours={"GREETING": b"* OK IMAP4rev1 ready\r\n"}) as server:
        asked = replace(account(), endpoint=Endpoint("127.0.0.1", server.port))
        with pytest.raises(WrongService, match="speaks IMAP, not POP3"):
            await open_patiently(asked, None, open_source, HastyClock(), lambda: 0.0)
        assert server.connections == 1


class Counting(Meter):
    """Counts."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.octets = self.lines = 0

    def received(self, octets: int) -> None:
        self.octets += octets

    def listed(self, octets: int, lines: int) -> None:
        self.lines += lines
        if self.lines > self.most:
            raise ListingPutOff("no memory")


@pytest.mark.parametrize("most", [10_000, 50])
async def test_the_meter_hears_of_all_that_a_server_sends_and_can_refuse_its_listing(most: int) -> None:
    mails = [(f"uid-{number}", b"From: a@b\r\n\r\nx\r\n") for number in range(100)]
    meter = Counting(most)
    async with Pop3Server({"bob": mails}, password="x") as server:
        bob = replace(account(login="bob"), endpoint=Endpoint("127.0.0.1", server.port))
        if most < 200:
            with pytest.raises(ListingPutOff):
                await _listed(bob, meter)
            return
        await _listed(bob, meter)
    assert meter.lines >= 200
    assert meter.octets > 200 * len("1 uid\r\n")


async def _listed(of: Account, meter: Meter) -> None:
    mailbox = (await open_source(of, None, CONNECT_TIMEOUT, meter)).mailbox
    try:
        assert len((await mailbox.listing()).entries) == 100
    finally:
        await mailbox.abort()
