"""What an opened mailbox tells about its server, and which errors are worth another try."""

from __future__ import annotations

import pytest

from services.fetcher.mailbox_errors import (
    CredentialsRefused,
    LoginMethodsExhausted,
    LoginTooSoon,
    MailboxLocked,
    SourceBusy,
    SourceRefused,
)
from services.fetcher.pop3.capabilities import parse_capabilities
from services.fetcher.sources import is_worth_retrying, login_delay, was_login_refused
from shared.model.errors import Fault, MailferryError
from shared.net.errors import ConnectFailed
from shared.net.sasl import SaslError
from shared.ports.store import LONGEST_WAIT


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
        (CredentialsRefused("wrong"), False, True),
        (LoginMethodsExhausted("none left"), False, True),
        (SaslError("no proof"), False, True),
    ],
)
def test_errors_are_tried_again_or_not(error: MailferryError, again: bool, refused: bool) -> None:
    assert (is_worth_retrying(error), was_login_refused(error)) == (again, refused)
