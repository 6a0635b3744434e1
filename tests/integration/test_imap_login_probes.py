"""What `mailferry test-login` finds out about IMAP sources."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from typing_extensions import override

from services.fetcher.mailboxes.opening import open_account
from services.standalone.demo.local_server import LocalServer
from shared.model.account import Account, MailboxKind, RetryTimes, Routing
from shared.model.account import Login as AccountLogin
from shared.model.address import Address
from shared.model.endpoint import Endpoint, Tls
from shared.model.retention import Retention
from shared.operations.login_test import LoginTest, ShowLine
from shared.operations.reading_test import POP3_ADVICE
from shared.operations.source_login_test import try_source
from tests.fakes.pop3_server import Pop3Server
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ports import free_port

MAILS = [b"Subject: long\r\n\r\n" + b"x" * 100 + b"\r\n", b"Subject: short\r\n\r\n"]
ANNOUNCED = b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN ID\r\n"
SELECTED = (
    b"* 1 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n* OK [UIDNEXT 8] ok\r\n"
    b"* OK [PERMANENTFLAGS (\\Deleted)] ok\r\n"
)
Said = bytes | None | Callable[[str], bytes]
"""Untagged lines and then the tagged answer without its tag, perhaps by the command; None hangs up."""
ANSWERS: Mapping[str, Said] = {
    "CAPABILITY": ANNOUNCED + b"OK done",
    "AUTHENTICATE": b"OK logged in",
    "ID": b"* ID NIL\r\nOK done",
    "SELECT": SELECTED + b"OK [READ-WRITE] done",
    "EXAMINE": SELECTED + b"OK [READ-ONLY] done",
    "UID": b"* 1 FETCH (UID 7 RFC822.SIZE 20)\r\nOK done",
    "LIST": b'* LIST () "/" INBOX\r\nOK done',
    "LOGOUT": b"* BYE bye\r\nOK bye",
}


def account(endpoint: Endpoint, username: str = "u", password: str = "secret") -> Account:
    return Account(
        tenant="acme",
        name="inbox",
        protocol="imap",
        endpoint=endpoint,
        login=AccountLogin(username, SecretStr(password)),
        target="exchange",
        routing=Routing(MailboxKind.SINGLE, Address("bob", "here.test")),
    )


async def tried(account: Account, show: ShowLine | None = None, keep_in: Path | None = None) -> LoginTest:
    return await try_source(account, open_account, show, keep_in)


class ToldServer(LocalServer):
    """An IMAP server that answers each command, by its first word, as it is told to."""

    def __init__(self, answers: Mapping[str, Said], greeting: bytes) -> None:
        super().__init__()
        self.answers = answers
        self.greeting = greeting

    @override
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.greeting)
        while line := await reader.readline():
            tag, verb, *_ = line.split()
            said = self.answers.get(verb.decode().upper(), b"BAD what?")
            if callable(said):
                said = said(line.decode())
            if said is None:
                return
            untagged, end, tagged = said.rpartition(b"\r\n")
            writer.write(untagged + end + tag + b" " + tagged + b"\r\n")


@asynccontextmanager
async def imap_server(
    changes: Mapping[str, Said] | None = None, *, greeting: bytes = b"* OK ready\r\n"
) -> AsyncIterator[Account]:
    """A server with one mail, but for what `changes` say; the account that is there."""
    async with ToldServer({**ANSWERS, **(changes or {})}, greeting) as server:
        yield account(Endpoint(server.host, server.port))


async def found(
    changes: Mapping[str, Said] | None = None, *, greeting: bytes = b"* OK ready\r\n"
) -> LoginTest:
    async with imap_server(changes, greeting=greeting) as source:
        return await tried(source)


def contents_of(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.iterdir()]


def on_dovecot(dovecot: Dovecot, login: Login, tls: Tls = Tls.REQUIRED) -> Account:
    port = dovecot.imaps_port if tls is Tls.IMPLICIT else dovecot.imap_port
    endpoint = Endpoint("localhost", port, tls, ca_file=str(dovecot.certificate.chain))
    return account(endpoint, login.name, login.password)


@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.IMPLICIT])
async def test_dovecot_is_seen_as_it_is(dovecot: Dovecot, tmp_path: Path, tls: Tls) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS)
    lines: list[str] = []
    result = await tried(on_dovecot(dovecot, login, tls), lambda side, line: lines.append(line), tmp_path)
    assert result.ok
    assert result.sentence.startswith(
        f"logged in as {login.name} by scram-sha-256 with TLS; 2 mails in the mailbox, "
    )
    for finding in (
        "methods offered: plain, login, ",
        "1 folder: INBOX",
        "INBOX is read-write",
        "UIDs and UIDNEXT can be relied on",
        "not announced: OBJECTID",
        "a mail that was read is still shown",
    ):
        assert finding in result.sentence
    details = result.details
    assert (details["protocol"], details["tls"], details["verified"]) == ("imap", True, True)
    assert (details["mails"], details["octets"]) == (2, sum(map(len, MAILS)))
    assert (details["folders"], details["writable"], details["uidnext"]) == (["INBOX"], True, 3)
    assert (details["unique_ids"], details["uidnext_reliable"], details["missing"]) == (
        True,
        True,
        ["OBJECTID"],
    )
    assert {"IMAP4REV1", "UIDPLUS", "NOTIFY"} <= set(details["capabilities"])  # type: ignore[call-overload]  # details are for programs
    assert not any(login.password in line for line in lines)
    assert any(line.startswith(("* CAPABILITY ", "* OK [CAPABILITY ")) for line in lines)


async def test_nothing_is_read_marked_or_deleted(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS)
    commands: list[str] = []
    show = lambda side, line: commands.append(line) if side == "C" else None  # noqa: E731  # a name for its length
    await tried(on_dovecot(dovecot, login), show)
    await tried(replace(on_dovecot(dovecot, login), retention=Retention(None)), show)
    assert not [each for each in commands if "BODY" in each or "STORE" in each or "EXPUNGE" in each]
    assert dovecot.remaining(login.name) == MAILS
    names = [path.name for path in dovecot.maildir(login.name).rglob("*") if ":2," in path.name]
    assert {name.rpartition(":2,")[2] for name in names} <= {""}


async def test_a_mailbox_that_keeps_everything_is_only_opened_to_be_read(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    commands: list[str] = []
    keeps = replace(on_dovecot(dovecot, login), retention=Retention(None))
    result = await tried(keeps, lambda side, line: commands.append(line) if side == "C" else None)
    assert result.details["writable"] is None
    assert "EXAMINE INBOX" in commands
    assert "SELECT INBOX" not in commands
    days = await tried(replace(keeps, retention=Retention(7)))
    assert days.details["writable"] is True


async def test_a_wrong_password_is_a_matter_of_credentials(dovecot: Dovecot) -> None:
    login = replace(dovecot.new_user(), password="wrong-canary")
    lines: list[str] = []
    result = await tried(on_dovecot(dovecot, login), lambda side, line: lines.append(line))
    assert (result.ok, result.step, result.temporary) == (False, "credentials", False)
    assert "AUTHENTICATIONFAILED" in result.sentence
    assert "wrong-canary" not in result.sentence + "".join(lines)
    assert "UIDPLUS" not in result.details["capabilities"]  # type: ignore[operator]  # details are for programs


@pytest.mark.parametrize("method", ["plain", "login", "user", "cram-md5", "scram-sha-1"])
async def test_the_dialogue_is_shown_without_secrets_whatever_the_method(
    dovecot: Dovecot, method: str
) -> None:
    login = Login(dovecot.new_user().name, "canary-of-" + method)
    dovecot.add_user(login.name, login.password)
    source = on_dovecot(dovecot, login)
    by_method = replace(source, login=replace(source.login, auth=(method,)))
    lines: list[str] = []
    result = await tried(by_method, lambda side, line: lines.append(f"{side} {line}"))
    text = "\n".join(lines)
    assert (result.ok, result.details["method"]) == (True, method)
    secrets = [login.password, b64encode(f"\0{login.name}\0{login.password}".encode()).decode()]
    assert not [
        secret for secret in (*secrets, b64encode(login.password.encode()).decode()) if secret in text
    ]
    for shown in ("S * CAPABILITY ", "S * OK [UIDVALIDITY ", "S * LIST INBOX", "C LOGOUT"):
        assert shown in text


async def test_what_was_announced_is_known_where_the_login_fails() -> None:
    result = await found({"AUTHENTICATE": b"NO [AUTHENTICATIONFAILED] wrong"})
    assert set(result.details["capabilities"]) == {"IMAP4REV1", "SASL-IR", "AUTH=PLAIN", "ID"}  # type: ignore[call-overload]  # details are for programs
    assert result.details["methods"] == ["plain", "user"]


async def test_a_mailbox_that_cannot_be_opened_is_a_matter_of_the_mailbox(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    maildir = dovecot.maildir(login.name)
    maildir.chmod(0)
    try:
        result = await tried(on_dovecot(dovecot, login))
    finally:
        maildir.chmod(0o755)
    assert (result.ok, result.step) == (False, "mailbox")
    assert "Opening the folder INBOX" in result.sentence


async def test_a_certificate_that_nobody_vouches_for_is_a_matter_of_tls(dovecot: Dovecot) -> None:
    for port, tls in ((dovecot.imaps_port, Tls.IMPLICIT), (dovecot.imap_port, Tls.REQUIRED)):
        result = await tried(account(Endpoint("localhost", port, tls)))
        assert (result.step, "certificate" in str(result.advice)) == ("TLS", True)


async def test_tls_at_a_port_that_begins_in_clear_is_told_with_the_right_scheme(dovecot: Dovecot) -> None:
    port = dovecot.imap_port
    result = await tried(account(Endpoint("localhost", port, Tls.IMPLICIT)))
    assert (result.step, "certificate" in str(result.advice)) == ("TLS", False)
    assert "said: * OK" in result.sentence
    assert (
        f'Port {port} speaks IMAP without TLS at once: use imap:// with tls = "required"' in result.sentence
    )


async def test_a_source_in_clear_at_a_port_of_tls_is_told_with_the_right_scheme(dovecot: Dovecot) -> None:
    """Dovecot waits for TLS, and so do we for a greeting."""
    impatient = replace(
        account(Endpoint("localhost", dovecot.imaps_port)), retry_times=RetryTimes(timeout=0.2)
    )
    result = await tried(impatient)
    assert (result.step, result.temporary) == ("greeting", True)
    assert "expects TLS at once" in str(result.advice)


async def test_a_pop3_port_is_named_with_what_to_write_instead(dovecot: Dovecot) -> None:
    for port, tls in ((dovecot.pop3_port, Tls.WANTED), (dovecot.pop3s_port, Tls.IMPLICIT)):
        endpoint = Endpoint("localhost", port, tls, ca_file=str(dovecot.certificate.chain))
        result = await tried(account(endpoint))
        assert (result.step, "does not look like an IMAP server" in str(result.advice)) == ("greeting", True)
        assert f"Port {port} speaks POP3, not IMAP: use imaps:// at port 993" in result.sentence
        assert "To fetch by POP3 there, use pop3s:// or pop3://." in result.sentence


async def test_a_host_without_a_name_and_a_port_without_a_server_are_told_apart() -> None:
    nameless = await tried(account(Endpoint("no-such-host.invalid", 143)))
    closed = await tried(account(Endpoint("127.0.0.1", free_port())))
    assert (nameless.step, closed.step) == ("name", "connect")


async def test_tls_that_is_required_and_not_there_is_told() -> None:
    async with imap_server() as source:
        required = replace(source, endpoint=replace(source.endpoint, tls=Tls.REQUIRED))
        result = await tried(required)
    assert result.step == "TLS"
    assert "STARTTLS" in result.sentence
    assert "Use the scheme imaps" in str(result.advice)
    assert "secret" not in str(result)


@pytest.mark.parametrize(
    ("changes", "step", "words"),
    [
        ({"AUTHENTICATE": b"NO [AUTHENTICATIONFAILED] wrong"}, "credentials", "user name and password"),
        ({"SELECT": b"NO [INUSE] locked"}, "mailbox", "Another program has the mailbox open"),
        ({"AUTHENTICATE": b"NO [LIMIT] wait"}, "mailbox", "wants fewer logins"),
        ({"SELECT": b"NO [NONEXISTENT] no such mailbox"}, "mailbox", "at the provider"),
        ({"SELECT": b"NO [UNAVAILABLE] later"}, "mailbox", "try again"),
        (
            {"CAPABILITY": b"* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI\r\nOK done"},
            "method",
            "Add a method that the server offers",
        ),
        ({"CAPABILITY": None}, "capabilities", "after the greeting"),
        ({"SELECT": None}, "mailbox", "after the greeting"),
        ({"LIST": None}, "mailbox", "after the greeting"),
    ],
    ids=lambda value: next(iter(value.items())) if isinstance(value, dict) else None,
)
async def test_the_step_that_failed_is_named_with_what_to_do(
    changes: Mapping[str, Said], step: str, words: str
) -> None:
    result = await found(changes)
    assert (result.ok, result.step) == (False, step)
    assert words in str(result.advice)


async def test_a_server_that_turns_us_away_at_once_is_a_matter_of_the_mailbox() -> None:
    result = await found(greeting=b"* BYE [UNAVAILABLE] too many connections\r\n")
    assert not result.ok
    assert "too many connections" in result.sentence


async def test_alerts_are_shown_escaped_and_cut_whether_or_not_the_login_succeeds() -> None:
    alert = b"* OK [ALERT] Quota\x1b[31m nearly " + b"x" * 1000 + b"\r\n"
    well = await found({"ID": alert + b"OK done"})
    assert well.ok
    assert "the server wants you to know: Quota\\x1b[31m nearly xxx" in well.sentence
    refused = await found({"AUTHENTICATE": b"NO [ALERT] Log in by your browser first"})
    for result in (well, refused):
        shown = str(result.details["alerts"])
        assert shown.isprintable()
        assert 20 < len(shown) < 320
    assert "Log in by your browser first" in refused.sentence


async def test_an_untagged_bad_is_shown_as_it_may_be_the_only_explanation() -> None:
    result = await found({"ID": b"* BAD What is ID?\r\nOK done"})
    assert (result.ok, result.details["alerts"]) == (True, ["What is ID?"])


async def test_a_folder_that_is_read_only_is_told_though_the_login_succeeds() -> None:
    for said in (
        SELECTED + b"OK [READ-ONLY] done",
        SELECTED.replace(b"\\Deleted", b"\\Seen") + b"OK [READ-WRITE] done",
    ):
        result = await found({"SELECT": said})
        assert (result.ok, result.details["writable"]) == (True, False)
        assert "INBOX is read-only, so that mail stays there" in result.sentence


async def test_a_uidnext_that_is_missing_or_too_low_is_told() -> None:
    for written in (b"", b"* OK [UIDNEXT 7] ok\r\n"):
        said = SELECTED.replace(b"* OK [UIDNEXT 8] ok\r\n", written) + b"OK done"
        result = await found({"SELECT": said})
        assert (result.ok, result.details["uidnext_reliable"]) == (True, False)
        assert "UIDs can be relied on, UIDNEXT cannot" in result.sentence


async def test_uids_that_do_not_last_are_told() -> None:
    result = await found({"SELECT": SELECTED.replace(b"UIDVALIDITY 9", b"UIDVALIDITY 0") + b"OK done"})
    assert (result.ok, result.details["stable_uids"], result.details["unique_ids"]) == (True, False, False)
    assert "UIDs change from session to session" in result.sentence


async def test_what_is_missing_is_told_by_what_the_server_has_in_its_place() -> None:
    poor = await found()
    assert poor.details["missing"] == ["UIDPLUS", "MOVE", "IDLE", "OBJECTID"]
    assert "not announced: UIDPLUS, MOVE, IDLE, OBJECTID" in poor.sentence
    google = b"* CAPABILITY IMAP4rev1 IMAP4rev2 X-GM-EXT-1 SASL-IR AUTH=PLAIN\r\nOK done"
    assert (await found({"CAPABILITY": google})).details["missing"] == []


async def test_folders_are_shown_as_people_read_them_and_without_those_that_hold_no_mail() -> None:
    listed = b'* LIST (\\Noselect) "/" Top\r\n* LIST () "/" "Entw&APw-rfe"\r\n* LIST () "/" inbox\r\nOK done'
    result = await found({"LIST": listed})
    assert result.details["folders"] == ["Entwürfe", "INBOX"]
    refused = await found({"LIST": b"NO not today"})
    assert (refused.ok, refused.details["folders"]) == (True, [])


async def test_a_pop3_account_has_the_same_details_but_those_of_folders() -> None:
    by_imap = (await found()).details
    async with Pop3Server({"u": []}) as server:
        pop3 = replace(account(Endpoint("127.0.0.1", server.port)), protocol="pop3")
        by_pop3 = (await tried(pop3)).details
    folders = {"folders", "writable", "stable_uids", "uidnext", "uidnext_reliable"}
    assert by_imap.keys() - by_pop3.keys() == folders
    assert by_pop3.keys() <= by_imap.keys()


async def test_a_source_that_hides_what_was_read_over_imap_is_to_be_fetched_by_pop3(tmp_path: Path) -> None:
    mail = b"Subject: hidden\r\n\r\nx"
    reads: list[str] = []

    def select(_: str) -> bytes:
        shown = SELECTED.replace(b"1 EXISTS", b"0 EXISTS") if reads else SELECTED
        return shown + b"OK [READ-WRITE] done"

    def fetch(line: str) -> bytes:
        if "BODY" in line:
            reads.append(line)
            return b"* 1 FETCH (UID 7 BODY[] {%d}\r\n%s)\r\nOK done" % (len(mail), mail)
        return b"* 1 FETCH (UID 7 RFC822.SIZE %d)\r\nOK done" % len(mail)

    async with imap_server({"SELECT": select, "UID": fetch}) as source:
        result = await tried(source, None, tmp_path)
    assert (result.details["reading"], result.advice) == ("hides", POP3_ADVICE)
    assert contents_of(tmp_path) == [mail]
