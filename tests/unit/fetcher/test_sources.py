"""What an opened mailbox tells about its server, and which errors are worth another try."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.fetcher.mailbox import Meter
from services.fetcher.mailbox_errors import (
    CredentialsRefused,
    ListingPutOff,
    LoginMethodsExhausted,
    LoginTooSoon,
    MailboxLocked,
    PlaceTaken,
    ProcessEnds,
    SourceBusy,
    SourceRefused,
)
from services.fetcher.pop3.capabilities import parse_capabilities
from services.fetcher.sources import is_worth_retrying, login_delay, open_source, was_login_refused
from shared.model.account import Account
from shared.model.endpoint import Endpoint
from shared.model.errors import Fault, MailferryError
from shared.net.errors import ConnectFailed
from shared.net.sasl import SaslError
from shared.ports.store import LONGEST_WAIT
from tests.fakes.mails import account
from tests.fakes.pop3_server import Pop3Server


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
    mailbox = (await open_source(of, None, meter)).mailbox
    try:
        assert len((await mailbox.listing()).entries) == 100
    finally:
        await mailbox.abort()
