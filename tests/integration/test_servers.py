"""The harness itself: every server starts, answers, ends, and leaves nothing behind."""

from __future__ import annotations

import poplib
import smtplib
import ssl
from collections.abc import Callable
from pathlib import Path

import pika
import psycopg
import pytest

from tests.servers.available import require
from tests.servers.directory import is_root, server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ports import accepts, free_port
from tests.servers.postfix import Postfix
from tests.servers.postgres import Postgres
from tests.servers.process import ServerError, ServerProcess, processes_of
from tests.servers.rabbitmq import RabbitMq
from tests.servers.server import Server
from tests.servers.smtp_sink import SmtpSink, SunkMail

MAIL = b"Subject: one\r\n\r\nfirst line\r\n.a line that starts with a dot\r\n"
STARTERS: dict[str, Callable[[Path], Server]] = {
    "dovecot": Dovecot,
    "rabbitmq": RabbitMq,
    "postgres": Postgres,
    "smtp-sink": SmtpSink,
}
if is_root():
    STARTERS["postfix"] = Postfix


@pytest.mark.parametrize("ending", ["stop", "kill"])
@pytest.mark.parametrize("name", STARTERS)
def test_a_server_leaves_no_process_and_no_file_behind(name: str, ending: str) -> None:
    require(name)
    with server_directory(name) as directory:
        server = STARTERS[name](directory)
        server.start()
        assert server.pid in processes_of(directory)

        getattr(server, ending)()

        assert processes_of(directory) == set()
        assert not server.running
    assert not directory.exists()


def test_a_server_that_cannot_start_says_what_it_wrote(tmp_path: Path) -> None:
    failing = ServerProcess(["sh", "-c", "echo no such queue; exit 3"], log=tmp_path / "output")

    with pytest.raises(ServerError, match=r"sh ended with 3:\nno such queue"):
        failing.wait_until(lambda: False)


def test_a_child_that_ignores_the_end_of_its_parent_is_ended_too(tmp_path: Path) -> None:
    script = "sh -c 'trap \"\" TERM; echo ready; while :; do sleep 600; done' & exec sleep 600"
    process = ServerProcess(["sh", "-c", script], log=tmp_path / "output")
    process.wait_until(lambda: "ready" in process.last_output())

    process.stop()

    assert processes_of(tmp_path) == set()


def test_killing_a_process_kills_its_child_that_left_its_group(tmp_path: Path) -> None:
    script = "setsid sh -c 'echo ready; while :; do sleep 600; done' & exec sleep 600"
    process = ServerProcess(["sh", "-c", script], log=tmp_path / "output")
    process.wait_until(lambda: "ready" in process.last_output())

    process.kill()

    assert processes_of(tmp_path) == set()


def test_nothing_listens_on_a_free_port() -> None:
    assert not accepts(free_port())


def test_a_missing_server_skips_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    _hide_dovecot(monkeypatch, ci="")

    with pytest.raises(pytest.skip.Exception, match="dovecot is not installed"):
        require("dovecot")


def test_a_missing_server_fails_the_test_in_continuous_integration(monkeypatch: pytest.MonkeyPatch) -> None:
    _hide_dovecot(monkeypatch, ci="true")

    with pytest.raises(pytest.fail.Exception, match="dovecot is not installed"):
        require("dovecot")


def _hide_dovecot(monkeypatch: pytest.MonkeyPatch, *, ci: str) -> None:
    monkeypatch.setattr("tests.servers.available.PROGRAMS", {"dovecot": "/nonexistent/dovecot"})
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("CI", ci)


def test_dovecot_serves_the_mails_a_mailbox_was_filled_with(dovecot: Dovecot, dovecot_user: Login) -> None:
    dovecot.fill(dovecot_user.name, [MAIL, b"Subject: two\n\nwith bare line feeds\n"])

    session = _log_in(poplib.POP3(dovecot.host, dovecot.pop3_port), dovecot_user)
    listing = session.list()[1]
    first, second = (b"\r\n".join(session.retr(number)[1]) + b"\r\n" for number in (1, 2))
    session.dele(1)
    session.quit()

    assert first == MAIL
    assert second == b"Subject: two\r\n\r\nwith bare line feeds\r\n"
    assert listing == [b"1 %d" % len(first), b"2 %d" % len(second)]
    assert dovecot.remaining(dovecot_user.name) == [b"Subject: two\n\nwith bare line feeds\n"]


@pytest.mark.parametrize("how", ["pop3s", "stls"])
def test_dovecot_speaks_tls_with_its_throw_away_certificate(
    dovecot: Dovecot, dovecot_user: Login, how: str
) -> None:
    context = ssl.create_default_context(cafile=dovecot.certificate.chain)
    if how == "pop3s":
        session: poplib.POP3 = poplib.POP3_SSL(dovecot.host, dovecot.pop3s_port, context=context)
    else:
        session = poplib.POP3(dovecot.host, dovecot.pop3_port)
        session.stls(context)

    assert _log_in(session, dovecot_user).stat() == (0, 0)
    session.quit()


def test_dovecot_holds_two_hundred_sessions_at_once(dovecot: Dovecot, dovecot_user: Login) -> None:
    sessions = [poplib.POP3(dovecot.host, dovecot.pop3_port) for _ in range(200)]

    assert all(_log_in(session, dovecot_user).stat() == (0, 0) for session in sessions)
    for session in sessions:
        session.quit()


def _log_in(session: poplib.POP3, login: Login) -> poplib.POP3:
    session.user(login.name)
    session.pass_(login.password)
    return session


def test_rabbitmq_keeps_a_confirmed_mail_when_it_is_killed_and_loses_it_when_wiped(
    private_rabbitmq: RabbitMq,
) -> None:
    with _connected(private_rabbitmq) as connection:
        channel = connection.channel()
        channel.queue_declare("durable", durable=True)
        channel.confirm_delivery()
        persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
        channel.basic_publish("", "durable", b"mail", persistent, mandatory=True)

    private_rabbitmq.write_down()
    private_rabbitmq.kill()
    private_rabbitmq.start()
    with _connected(private_rabbitmq) as connection:
        assert connection.channel().basic_get("durable")[2] == b"mail"

    private_rabbitmq.stop()
    private_rabbitmq.wipe()
    private_rabbitmq.start()
    with _connected(private_rabbitmq) as connection, pytest.raises(pika.exceptions.ChannelClosedByBroker):
        connection.channel().queue_declare("durable", passive=True)


def test_every_test_gets_an_empty_virtual_host(rabbitmq: RabbitMq, rabbitmq_url: str) -> None:
    with _connected(rabbitmq, rabbitmq_url) as connection:
        connection.channel().queue_declare("mine")

    other = rabbitmq.url(rabbitmq.add_vhost())
    with _connected(rabbitmq, other) as connection, pytest.raises(pika.exceptions.ChannelClosedByBroker):
        connection.channel().queue_declare("mine", passive=True)


def test_postgres_keeps_what_it_committed_when_it_is_killed(private_postgres: Postgres) -> None:
    url = private_postgres.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")

    private_postgres.kill()
    private_postgres.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]


def test_every_test_gets_an_empty_database(postgres_url: str, postgres: Postgres) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE mine ()")

    with psycopg.connect(postgres.create_database()) as connection:
        assert connection.execute("SELECT to_regclass('mine')").fetchall() == [(None,)]


def test_the_sink_keeps_mails_with_their_envelopes(smtp_sink: SmtpSink) -> None:
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port) as client:
        client.sendmail("a@source.example", ["b@target.example", "c@target.example"], MAIL)
        client.sendmail("", ["b@target.example"], b"Subject: bounce\r\n\r\n\r\n")

    smtp_sink.wait_for(mails=2)
    assert smtp_sink.mails() == [
        SunkMail("", ("b@target.example",), b"Subject: bounce\n\n\n"),
        SunkMail("a@source.example", ("b@target.example", "c@target.example"), MAIL.replace(b"\r\n", b"\n")),
    ]


def test_the_sink_forgets_a_transaction_that_breaks_off(smtp_sink: SmtpSink) -> None:
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port) as broken:
        broken.ehlo()
        broken.mail("a@source.example")
        broken.rcpt("b@target.example")
        broken.docmd("DATA")
        broken.send(b"Subject: half\r\n")
        broken.close()
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port) as client:
        client.sendmail("a@source.example", ["b@target.example"], MAIL)

    smtp_sink.wait_for(mails=1)
    assert [mail.content for mail in smtp_sink.mails()] == [MAIL.replace(b"\r\n", b"\n")]


def test_the_lmtp_sink_answers_for_each_recipient(lmtp_sink: SmtpSink) -> None:
    with smtplib.LMTP(lmtp_sink.host, lmtp_sink.port) as client:
        client.ehlo()
        client.mail("a@source.example")
        client.rcpt("b@target.example")
        client.rcpt("c@target.example")
        first_reply = client.data(MAIL)
        second_reply = client.getreply()

    assert (first_reply[0], second_reply[0]) == (250, 250)


def test_postfix_delivers_to_the_mailbox_and_refuses_unknown_users(postfix: Postfix) -> None:
    context = ssl.create_default_context(cafile=postfix.certificate.chain)
    with smtplib.SMTP(postfix.host, postfix.port) as client:
        client.starttls(context=context)
        refused = client.sendmail(
            "a@source.example", ["harness@target.example", "nobody@target.example"], MAIL
        )

    (delivered,) = postfix.wait_for("harness@target.example", mails=1)
    assert delivered.endswith(b"first line\n.a line that starts with a dot\n")
    assert {address: code for address, (code, _) in refused.items()} == {"nobody@target.example": 550}


def _connected(rabbitmq: RabbitMq, url: str | None = None) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(url or rabbitmq.url()))
