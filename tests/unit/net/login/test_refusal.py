from __future__ import annotations

import pytest

from shared.model.errors import Fault
from shared.model.source_errors import (
    CredentialsRefused,
    LoginTooSoon,
    MailboxLocked,
    SourceError,
    SourceRefused,
)
from shared.net.login.refusal import Refusals
from shared.pop3.replies import REFUSALS


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("AUTH", b"nope", CredentialsRefused),
        ("IN-USE", b"wrong password", MailboxLocked),
        ("SYS/TEMP", b"invalid login", SourceRefused),
        ("LOGIN-DELAY", b"", LoginTooSoon),
        ("", b"Authentication failed.", CredentialsRefused),
        ("", b"", CredentialsRefused),
        ("UNHEARD-OF", b"bad password", CredentialsRefused),
        ("", b"maildrop already locked", MailboxLocked),
        ("", b"Unable to lock mailbox: in use", MailboxLocked),
        ("", b"too many connections from your address", LoginTooSoon),
        ("", b"User is authenticated but not connected.", SourceRefused),
        ("", b"Temporary authentication failure", SourceRefused),
    ],
)
def test_a_refused_login_is_understood(code: str, text: bytes, kind: type[SourceError]) -> None:
    assert type(REFUSALS.of_login("Logging in to h:110 as bob", code, text)) is kind


def test_wrong_credentials_are_for_the_operator_and_not_retried_soon() -> None:
    error = REFUSALS.of_login("Logging in to h:110 as bob with USER", "AUTH", b"no such user")
    assert (error.temporary, error.fault) == (False, Fault.OPERATOR)
    assert str(error) == "Logging in to h:110 as bob with USER was refused: [AUTH] no such user."


def test_a_permanent_refusal_is_not_temporary() -> None:
    assert not REFUSALS.of_command("RETR 1 on h:110", "SYS/PERM", b"gone").temporary
    assert REFUSALS.of_command("RETR 1 on h:110", "", b"gone").temporary


def test_a_throttled_client_is_told_how_long_to_stay_away() -> None:
    text = b"Request is throttled. Suggested Backoff Time: 288961 milliseconds"
    error = REFUSALS.of_login("Logging in", "", text)
    assert isinstance(error, LoginTooSoon)
    assert error.retry_after == 288.961


def test_text_of_the_server_cannot_forge_a_log_line() -> None:
    sentence = str(REFUSALS.of_command("RETR 1 on h:110", "", b"no\x1b[2J\rINFO all is well" + b"x" * 1000))
    assert sentence.isprintable()
    assert len(sentence) < 300


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        ("AUTH", b"", True),
        ("", b"Authentication failed.", True),
        ("", b"authorization failed", True),
        ("", b"Logon failure: unknown user name or bad password.", True),
        ("", b"Login failed.", True),
        ("", b"invalid user name or password", True),
        ("", b"wrong password", True),
        ("", b"Username and password not accepted.", True),
        ("", b'Password supplied for "bob" is incorrect', True),
        ("", b"no such mailbox", True),
        ("", b"Unsupported authentication mechanism.", False),
        ("", b"unrecognized authentication type", False),
        ("", b"Command not implemented", False),
        ("", b"Unknown AUTH mechanism", False),
        ("", b"what?", False),
        ("", b"", False),
    ],
)
def test_a_verdict_on_the_password_is_told_apart_from_a_refusal_of_the_method(
    code: str, text: bytes, verdict: bool
) -> None:
    assert REFUSALS.is_verdict(code, text) is verdict


def test_what_the_server_said_before_is_part_of_the_sentence() -> None:
    error = REFUSALS.of_login("Logging in to h:110 as bob", "", b"no", "status 400")
    assert str(error) == "Logging in to h:110 as bob was refused: no (status 400)."


def test_each_protocol_has_its_own_codes_and_all_have_the_words() -> None:
    imap = Refusals({"INUSE": MailboxLocked})
    assert type(imap.of_login("Logging in", "INUSE", b"wrong password")) is MailboxLocked
    assert type(REFUSALS.of_login("Logging in", "INUSE", b"wrong password")) is CredentialsRefused
    assert type(imap.of_login("Logging in", "", b"too many connections")) is LoginTooSoon


@pytest.mark.parametrize("code", ["SYS/TEMP", "SYS/PERM", "SYS/UNHEARD-OF"])
def test_a_code_of_a_known_family_is_understood(code: str) -> None:
    assert type(REFUSALS.of_login("Logging in", code, b"invalid login")) is SourceRefused
