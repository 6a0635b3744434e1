from __future__ import annotations

import pytest

from shared.imap.commands import Command, Verb
from shared.imap.events import Bye, Reply
from shared.imap.refusals import (
    REFUSALS,
    farewell,
    is_partial,
    refused_command,
    refused_folder,
    refused_mail,
    says_gone,
)
from shared.imap.status_lines import parse_status_line
from shared.model.errors import Fault
from shared.model.mailbox import Listed
from shared.model.source_errors import (
    CredentialsRefused,
    EncryptionMissing,
    LoginTooSoon,
    MailboxLocked,
    NotPermitted,
    SourceBusy,
    SourceError,
    SourceRefused,
    SourceViolation,
)

ENTRY = Listed("0000000007", 7, 4096)
HOUR = 3600.0


def reply(said: bytes) -> Reply:
    status = parse_status_line(b"t1 " + said)
    assert status is not None
    return Reply(Command(Verb.NOOP, (), "NOOP"), status.condition, status.code, status.argument, status.text)


def at_login(said: bytes) -> SourceError:
    return REFUSALS.of_login("Logging in", reply(said).code, reply(said).text)


def at_bye(said: bytes) -> SourceError | None:
    _, _, code, argument, text = reply(said)
    return farewell("imap.example", Bye(code, argument, text))


def at_select(said: bytes) -> SourceError:
    return refused_folder("imap.example", "INBOX", reply(said))


def at_fetch(said: bytes) -> SourceError:
    return refused_mail(ENTRY, "imap.example", reply(said))


def at_command(said: bytes) -> SourceError:
    return refused_command("Listing", reply(said))


@pytest.mark.parametrize(
    ("where", "said", "kind"),
    [
        (at_login, b"NO [AUTHENTICATIONFAILED] Invalid credentials", CredentialsRefused),
        (at_login, b"NO [AUTHENTICATIONFAILED] Too many connections", CredentialsRefused),
        (at_login, b"NO [AUTHORIZATIONFAILED] Not as this user", CredentialsRefused),
        (at_login, b"NO [EXPIRED] The password is too old", CredentialsRefused),
        (at_login, b"NO [WEBALERT https://accounts.example] Web login required", CredentialsRefused),
        (at_login, b"NO [ALERT] Application-specific password required", CredentialsRefused),
        (at_login, b"NO [ALERT] Invalid credentials (Failure)", CredentialsRefused),
        (at_login, b"NO Login failed", CredentialsRefused),
        (at_login, b"NO [CONTACTADMIN] Account is blocked", NotPermitted),
        (at_login, b"NO [NOPERM] IMAP is switched off", NotPermitted),
        (at_login, b"NO [PRIVACYREQUIRED] Start TLS first", EncryptionMissing),
        (at_login, b"NO [LIMIT] Connections", LoginTooSoon),
        (at_login, b"NO [ALERT] Too many simultaneous connections. (Failure)", LoginTooSoon),
        (at_login, b"NO [UNAVAILABLE] Maximum number of connections exceeded", LoginTooSoon),
        (at_login, b"NO [UNAVAILABLE] LOGIN Rate limit hit", LoginTooSoon),
        (at_login, b"NO [UNAVAILABLE] Please ask somebody", SourceRefused),
        (at_login, b"NO [SERVERBUG] Oops", SourceRefused),
        (at_login, b"NO [INUSE] Mailbox is open elsewhere", MailboxLocked),
        (at_login, b"NO User is authenticated but not connected.", SourceRefused),
        (at_login, b"NO Request is throttled. Suggested Backoff Time: 92415 milliseconds", LoginTooSoon),
        (at_login, b"NO Suggested Backoff Time: 92415 milliseconds", SourceBusy),
        (at_login, b"NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", SourceBusy),
        (at_login, b"NO Account exceeded command or bandwidth limits", SourceBusy),
        (at_bye, b"BYE Too many simultaneous connections", LoginTooSoon),
        (at_bye, b"BYE [LIMIT] Enough", LoginTooSoon),
        (at_bye, b"BYE [INUSE] Opened elsewhere", MailboxLocked),
        (at_bye, b"BYE User is authenticated but not connected.", SourceBusy),
        (at_bye, b"BYE [OVERQUOTA] Enough for today", SourceBusy),
        (at_bye, b"BYE Session invalidated - AccessTokenExpired", None),
        (at_bye, b"BYE Disconnected for inactivity.", None),
        (at_bye, b"BYE Server shutting down.", None),
        (at_select, b"NO [INUSE] Locked", MailboxLocked),
        (at_select, b"NO [OVERQUOTA] Enough for today", SourceBusy),
        (at_select, b"NO [NONEXISTENT] Unknown Mailbox: X", NotPermitted),
        (at_select, b"NO [TRYCREATE] Not there", NotPermitted),
        (at_select, b"NO [NOPERM] No right", NotPermitted),
        (at_select, b"NO Mailbox does not exist", NotPermitted),
        (at_select, b"NO Unknown Mailbox: X", NotPermitted),
        (at_select, b"NO SELECT Unsafe Login. Please contact kefu@188.com for help", NotPermitted),
        (at_select, b"NO [UNAVAILABLE] Later", SourceRefused),
        (at_select, b"BAD User is authenticated but not connected.", SourceBusy),
        (at_select, b"BAD Command unknown", SourceViolation),
        (at_fetch, b"NO [UNAVAILABLE] Disk", SourceBusy),
        (at_fetch, b"NO [SERVERBUG] Internal error", SourceBusy),
        (at_fetch, b"NO [CORRUPTION] Message is broken", SourceBusy),
        (at_fetch, b"NO Some messages could not be FETCHed (Failure)", SourceBusy),
        (at_fetch, b"NO [OVERQUOTA] Account exceeded command or bandwidth limits.", SourceBusy),
        (at_fetch, b"NO Cannot open message file", SourceRefused),
        (at_fetch, b"BAD Error in converting", SourceRefused),
        (at_command, b"BAD Unknown command", SourceViolation),
        (at_command, b"NO [CLIENTBUG] Not now", SourceViolation),
        (at_command, b"NO Error in IMAP command received by server.", SourceViolation),
        (at_command, b"BAD Request is throttled. Suggested Backoff Time: 1000 milliseconds", SourceBusy),
        (at_command, b"NO Something else", SourceRefused),
    ],
)
def test_what_a_server_says_is_understood(where: object, said: bytes, kind: type[SourceError] | None) -> None:
    assert callable(where)
    error = where(said)
    assert (None if error is None else type(error)) is kind


@pytest.mark.parametrize(
    ("where", "said", "temporary", "fault", "retry_after"),
    [
        (at_login, b"NO [CONTACTADMIN] x", False, Fault.OPERATOR, None),
        (at_login, b"NO [NOPERM] x", False, Fault.OPERATOR, None),
        (at_login, b"NO [PRIVACYREQUIRED] x", False, Fault.OPERATOR, None),
        (at_login, b"NO [AUTHENTICATIONFAILED] x", False, Fault.OPERATOR, None),
        (at_login, b"NO [LIMIT] x", True, Fault.SOURCE, None),
        (at_login, b"NO Suggested Backoff Time: 92415 milliseconds", True, Fault.SOURCE, 92.415),
        (at_bye, b"BYE Throttled. Suggested Backoff Time: 2000 milliseconds", True, Fault.SOURCE, 2.0),
        (at_login, b"NO [OVERQUOTA] x", True, Fault.SOURCE, HOUR),
        (at_fetch, b"NO exceeded command or bandwidth limits", True, Fault.SOURCE, HOUR),
        (at_select, b"NO [NONEXISTENT] x", True, Fault.OPERATOR, None),
        (at_select, b"NO Unsafe Login", True, Fault.OPERATOR, None),
        (at_command, b"BAD x", True, Fault.SOURCE, None),
    ],
)
def test_an_error_knows_how_long_it_lasts_and_whose_fault_it_is(
    where: object, said: bytes, temporary: bool, fault: Fault, retry_after: float | None
) -> None:
    assert callable(where)
    error = where(said)
    assert (error.temporary, error.fault, error.retry_after) == (temporary, fault, retry_after)


def test_an_unsafe_login_comes_with_advice() -> None:
    assert "permit access by IMAP" in str(at_select(b"NO Unsafe Login"))


@pytest.mark.parametrize(
    ("said", "gone", "partial"),
    [
        (b"OK [EXPUNGEISSUED] Some are gone", True, True),
        (b"NO [EXPUNGEISSUED] Gone", True, True),
        (b"NO Message no longer exists", True, True),
        (b"OK [MESSAGELIMIT 1000] Only some", False, True),
        (b"NO [MESSAGELIMIT 1000] Too many", False, True),
        (b"OK Done", False, False),
        (b"OK they no longer exist", False, False),
    ],
)
def test_answers_that_leave_mails_out_are_known(said: bytes, gone: bool, partial: bool) -> None:
    assert (says_gone(reply(said)), is_partial(reply(said))) == (gone, partial)
