"""What `mailferry test-login` finds out about sources and targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.fetcher.mailboxes.opening import open_account
from shared.model.account import Account, Login, MailboxKind, Routing
from shared.model.address import Address
from shared.model.endpoint import Endpoint, Tls
from shared.model.target import Target
from shared.operations.login_test import LoginTest, ShowLine
from shared.operations.reading_test import SPOOL_ADVICE
from shared.operations.source_login_test import try_source
from shared.operations.target_login_test import known_recipient, try_target
from tests.fakes.configuration import WHOLE, ConfigurationFile
from tests.fakes.pop3_server import HANG_UP, Behaviour, FakeSession, Pop3Server
from tests.fakes.smtp_server import Act, SmtpServer
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.ports import free_port
from tests.servers.postfix import Postfix

MAILS = [("uid-1", b"Subject: long\r\n\r\n" + b"x" * 100 + b"\r\n"), ("uid-2", b"Subject: short\r\n\r\n")]


async def tried_source(
    account: Account, show: ShowLine | None = None, keep_in: Path | None = None
) -> LoginTest:
    return await try_source(account, open_account, show, keep_in)


def account(endpoint: Endpoint, username: str = "u", password: str = "secret") -> Account:
    return Account(
        tenant="acme",
        name="inbox",
        protocol="pop3",
        endpoint=endpoint,
        login=Login(username, SecretStr(password)),
        target="exchange",
        routing=Routing(MailboxKind.SINGLE, Address("bob", "here.test")),
    )


def at(port: int) -> Account:
    return account(Endpoint("127.0.0.1", port))


def copies_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


async def found(
    *, behaviours: dict[str, Behaviour] | None = None, keep_in: Path | None = None
) -> tuple[LoginTest, Pop3Server]:
    async with Pop3Server({"u": list(MAILS)}, behaviours=behaviours) as server:
        return await tried_source(at(server.port), None, keep_in), server


async def test_what_is_there_and_what_would_be_used_is_told_and_nothing_is_read() -> None:
    result, server = await found()
    assert result.ok
    assert result.sentence.startswith("logged in as u by plain without TLS; 2 mails in the mailbox, ")
    assert "methods offered: " in result.sentence
    assert result.details["mails"] == 2
    assert result.details["octets"] == sum(len(mail) for _, mail in MAILS)
    assert result.details["unique_ids"] is True
    assert str(result.details["greeting"]).startswith("+OK")
    assert "UIDL" in result.details["capabilities"]  # type: ignore[operator]  # details are for programs
    assert not {"RETR", "DELE"} & set(server.verbs())


@pytest.mark.parametrize(
    ("behaviours", "step", "words"),
    [
        ({"AUTH": b"-ERR [AUTH] wrong\r\n"}, "credentials", "user name and password"),
        ({"AUTH": b"-ERR [IN-USE] locked\r\n"}, "mailbox", "Another program has the mailbox open"),
        ({"AUTH": b"-ERR [LOGIN-DELAY] wait\r\n"}, "mailbox", "wants fewer logins"),
        ({"CAPA": b"+OK\r\nUIDL\r\nSASL GSSAPI\r\n.\r\n"}, "method", "Add a method that the server offers"),
        ({"GREETING": HANG_UP}, "greeting", "hung up"),
        ({"GREETING": b"HTTP/1.1 400 Bad Request\r\n"}, "greeting", "does not look like a POP3 server"),
        ({"STAT": HANG_UP}, "mailbox", "after the greeting"),
    ],
)
async def test_the_step_that_failed_is_named_with_what_to_do(
    behaviours: dict[str, Behaviour], step: str, words: str
) -> None:
    result, _ = await found(behaviours=behaviours)
    assert (result.ok, result.step) == (False, step)
    assert words in str(result.advice)


async def test_a_host_without_a_name_and_a_port_without_a_server_are_told_apart() -> None:
    nameless = await tried_source(account(Endpoint("no-such-host.invalid", 110)), None)
    closed = await tried_source(at(free_port()), None)
    assert (nameless.step, closed.step) == ("name", "connect")


async def test_tls_that_is_required_and_not_there_is_told() -> None:
    async with Pop3Server({"u": []}) as server:
        endpoint = Endpoint("127.0.0.1", server.port, Tls.REQUIRED)
        result = await tried_source(account(endpoint), None)
    assert result.step == "TLS"
    assert "secret" not in str(result)


async def test_a_source_that_shows_a_mail_after_it_was_read_leaves_no_copy(tmp_path: Path) -> None:
    result, server = await found(keep_in=tmp_path)
    assert result.details["reading"] == "shows"
    assert result.sentence.endswith("a mail that was read is still shown")
    assert result.advice is None
    assert [line for line in server.commands if line.startswith("RETR")] == ["RETR 2"]
    assert server.deleted("u") == []
    assert copies_in(tmp_path) == []


async def test_a_source_that_hides_a_mail_after_it_was_read_is_found_out_and_the_mail_is_kept(
    tmp_path: Path,
) -> None:
    server = Pop3Server({"u": list(MAILS)})

    def hide(_: FakeSession, line: str) -> None:
        if any(command.startswith("RETR") for command in server.commands):
            server.maildrops["u"].mails[:] = MAILS[:1]

    server.behaviours["QUIT"] = hide
    async with server:
        result = await tried_source(at(server.port), None, tmp_path)
    assert result.details["reading"] == "hides"
    assert result.advice == SPOOL_ADVICE
    (copy,) = copies_in(tmp_path)
    assert copy.read_bytes() == MAILS[1][1]
    assert str(copy) in result.sentence


async def test_a_mail_that_is_not_handed_out_is_not_consumed_by_the_end_of_the_session(
    tmp_path: Path,
) -> None:
    async with Pop3Server({"u": list(MAILS)}, behaviours={"RETR": b"+OK\r\n.\r\n"}) as server:
        result = await tried_source(at(server.port), None, tmp_path)
    assert result.details["reading"] == "unknown"
    assert "QUIT" not in server.commands[server.commands.index("RETR 2") :]


async def test_without_mail_nothing_is_known_about_reading(tmp_path: Path) -> None:
    async with Pop3Server({"u": []}) as server:
        result = await tried_source(at(server.port), None, tmp_path)
    assert result.details["reading"] == "unknown"
    assert "the mailbox is empty" in result.sentence


async def test_the_copy_stays_where_the_server_is_gone_before_the_second_look(tmp_path: Path) -> None:
    server = Pop3Server({"u": list(MAILS)})
    server.behaviours["USER"] = server.behaviours["AUTH"] = lambda session, line: (
        HANG_UP if server.connections > 2 else None
    )
    async with server:
        result = await tried_source(at(server.port), None, tmp_path)
    assert not result.ok
    assert len(copies_in(tmp_path)) == 1


def target(port: int) -> Target:
    return Target("exchange", Endpoint("127.0.0.1", port, Tls.OFF))


async def test_a_target_is_asked_about_a_recipient_and_nothing_is_sent() -> None:
    async with SmtpServer() as server:
        result = await try_target(target(server.port), "ferry.test", "bob@here.test", None)
    assert result.ok
    assert result.sentence.endswith("would take mail for bob@here.test")
    assert result.details["recipient"] == "bob@here.test"
    assert not any(command.startswith("DATA") for command in server.commands)


@pytest.mark.parametrize(
    ("reply", "temporary"), [("550 5.7.1 No relaying", False), ("451 4.7.1 Greylisted", True)]
)
async def test_a_target_that_does_not_take_the_recipient_is_told_in_its_words(
    reply: str, temporary: bool
) -> None:
    async with SmtpServer(replies={"RCPT": reply}) as server:
        result = await try_target(target(server.port), "ferry.test", "bob@here.test", None)
    assert (result.ok, result.step, result.temporary) == (False, "recipient", temporary)
    assert result.sentence.endswith(f"does not take mail for bob@here.test: {reply}")
    assert result.details["reply"] == reply


DOMAINS = tuple(f"domain{number}.test" for number in range(1, 4))


async def test_a_target_is_asked_about_each_domain_in_a_transaction_of_its_own() -> None:
    async with SmtpServer(replies={"RCPT": ["250 ok", "250 ok", "550 5.1.1 Nobody", "250 ok"]}) as server:
        result = await try_target(target(server.port), "ferry.test", "bob@here.test", None, DOMAINS)
    verbs = [command.split()[0] for command in server.commands]
    assert verbs == ["EHLO", *["MAIL", "RCPT", "RSET"] * 4, "QUIT"]
    assert "domain1.test, domain3.test" in result.sentence
    assert "refuses recipients that do not exist" in result.sentence


@pytest.mark.parametrize("leaves", ["421 4.7.0 Too many errors", Act.HANG_UP])
async def test_a_target_that_hangs_up_among_such_questions_is_told_and_no_failure(leaves: str | Act) -> None:
    replies: dict[str, list[str | Act]] = {"RCPT": ["250 ok", "550 5.1.1 Nobody", leaves]}
    async with SmtpServer(replies=replies) as server:
        result = await try_target(target(server.port), "ferry.test", "bob@here.test", None, DOMAINS)
    assert result.ok
    assert "refuses recipients that do not exist" in result.sentence
    assert "hung up when it was asked about domain2.test; 1 more was not asked about" in result.sentence


async def test_a_target_that_hangs_up_with_its_answer_about_the_recipient_was_asked_about_no_domain() -> None:
    replies: dict[str, list[str | Act]] = {"RCPT": ["421 4.7.0 Too busy"]}
    async with SmtpServer(replies=replies) as server:
        result = await try_target(target(server.port), "ferry.test", "bob@here.test", None, DOMAINS)
    assert "hung up before it was asked about domain1.test and 2 more" in result.sentence


async def test_a_target_that_refuses_the_null_sender_is_not_said_to_refuse_recipients() -> None:
    async with SmtpServer(replies={"MAIL": "550 5.7.1 No bounces"}) as server:
        result = await try_target(target(server.port), "ferry.test", None, None, DOMAINS)
    assert result.ok
    assert "do not exist" not in result.sentence


async def test_a_target_that_leaves_at_the_recipient_is_told_in_its_words() -> None:
    async with SmtpServer(replies={"RCPT": "421 4.3.2 Going down"}) as server:
        result = await try_target(target(server.port), "ferry.test", "bob@here.test", None, DOMAINS)
    assert (result.ok, result.step, result.temporary) == (False, "recipient", True)
    assert result.details["reply"] == "421 4.3.2 Going down"


async def test_a_target_of_which_no_recipient_is_known_is_only_logged_in_to() -> None:
    async with SmtpServer() as server:
        result = await try_target(target(server.port), "ferry.test", None, None)
    assert (result.ok, "reply" in result.details) == (True, False)


def test_the_recipient_to_ask_about_comes_from_the_accounts(tmp_path: Path) -> None:
    configuration = ConfigurationFile(tmp_path).load(WHOLE)
    assert known_recipient(configuration, "exchange") == "postmaster@acme.com"
    assert known_recipient(configuration, "elsewhere") is None
    (catch_all,) = configuration.accounts.values()
    named = replace(catch_all.routing, unknown_recipients=Address("boss", "acme.com"))
    accounts = {catch_all.id: replace(catch_all, routing=named)}
    assert known_recipient(replace(configuration, accounts=accounts), "exchange") == "boss@acme.com"


TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
"""What a TLS server sends to a client that speaks in clear: a fatal alert, which has no line end."""


def alert(session: FakeSession, _: str) -> bytes:
    session.hang_up()
    return TLS_ALERT


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "speaks IMAP, not POP3: use pop3s:// at port 995"),
        (b"220 mail.example ESMTP\r\n", "speaks SMTP, not POP3"),
        (b"HTTP/1.1 400 Bad Request\r\n", "speaks HTTP, not POP3"),
        (alert, "expects TLS at once: use pop3s://"),
    ],
)
async def test_a_port_where_something_else_is_spoken_is_named_with_what_to_write_instead(
    greeting: Behaviour, words: str
) -> None:
    result, server = await found(behaviours={"GREETING": greeting})
    assert (result.step, server.commands) == ("greeting", [])
    assert f"Port {server.port} {words}" in result.sentence


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        ("+OK POP3 ready", "speaks POP3, not SMTP: use smtps:// at port 465"),
        ("* OK IMAP4rev1 ready", "speaks IMAP, not SMTP"),
        ("HTTP/1.1 400 Bad Request", "speaks HTTP, not SMTP"),
    ],
)
async def test_a_target_that_speaks_something_else_is_named_with_what_to_write_instead(
    greeting: str, words: str
) -> None:
    async with SmtpServer(replies={"GREETING": greeting}) as server:
        result = await try_target(target(server.port), "ferry.test", None, None)
    assert result.step == "greeting"
    assert f"Port {server.port} {words}" in result.sentence
    assert "does not look like an SMTP server" in str(result.advice)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    require("dovecot")
    with server_directory("dovecot") as directory, Dovecot(directory) as server:
        yield server


async def test_dovecot_is_seen_as_it_is(dovecot: Dovecot, tmp_path: Path) -> None:
    user = dovecot.new_user()
    dovecot.fill(user.name, [mail for _, mail in MAILS])
    endpoint = Endpoint("localhost", dovecot.pop3s_port, Tls.IMPLICIT, ca_file=str(dovecot.certificate.chain))
    lines: list[str] = []
    result = await tried_source(
        account(endpoint, user.name, user.password), lambda side, line: lines.append(line), tmp_path
    )
    assert result.ok
    assert result.sentence.startswith(
        f"logged in as {user.name} by scram-sha-256 with TLS; 2 mails in the mailbox, "
    )
    assert result.details["methods"]
    assert (result.details["tls"], result.details["reading"]) == (True, "shows")
    assert not any(user.password in line for line in lines)
    wrong = await tried_source(account(endpoint, user.name, "wrong"), None)
    assert wrong.step == "credentials"


async def test_a_certificate_that_nobody_vouches_for_is_a_matter_of_tls(dovecot: Dovecot) -> None:
    result = await tried_source(account(Endpoint("localhost", dovecot.pop3s_port, Tls.IMPLICIT)), None)
    assert result.step == "TLS"


async def test_tls_at_a_port_of_dovecot_that_begins_in_clear_is_told_with_the_right_scheme(
    dovecot: Dovecot,
) -> None:
    result = await tried_source(account(Endpoint("localhost", dovecot.pop3_port, Tls.IMPLICIT)), None)
    assert (result.step, "certificate" in str(result.advice)) == ("TLS", False)
    assert "said: +OK" in result.sentence
    assert (
        f'Port {dovecot.pop3_port} speaks POP3 without TLS at once: use pop3:// with tls = "required"'
        in result.sentence
    )


@pytest.mark.parametrize("tls", [Tls.WANTED, Tls.IMPLICIT])
async def test_a_source_at_the_imap_ports_of_dovecot_is_told_what_is_there(
    dovecot: Dovecot, tls: Tls
) -> None:
    ports = [dovecot.imap_port, *([dovecot.imaps_port] if tls is Tls.IMPLICIT else [])]
    for port in ports:
        endpoint = Endpoint("localhost", port, tls, ca_file=str(dovecot.certificate.chain))
        result = await tried_source(account(endpoint), None)
        assert f"Port {port} speaks IMAP, not POP3: use pop3s:// at port 995" in result.sentence


async def test_a_target_at_the_pop3_port_of_dovecot_is_told_what_is_there(dovecot: Dovecot) -> None:
    result = await try_target(target(dovecot.pop3_port), "ferry.test", None, None)
    assert f"Port {dovecot.pop3_port} speaks POP3, not SMTP" in result.sentence


async def test_tls_at_the_plain_port_of_postfix_and_a_source_there_are_told_what_is_there(
    postfix: Postfix,
) -> None:
    smtps = Target("exchange", Endpoint("127.0.0.1", postfix.port, Tls.IMPLICIT))
    result = await try_target(smtps, "ferry.test", None, None)
    assert result.step == "TLS"
    assert (
        f'Port {postfix.port} speaks SMTP without TLS at once: use smtp:// with tls = "required"'
        in result.sentence
    )
    source = await tried_source(at(postfix.port), None)
    assert f"Port {postfix.port} speaks SMTP, not POP3" in source.sentence
