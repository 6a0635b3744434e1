"""The client against a real socket and a server that misbehaves by script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.model.endpoint import Endpoint, Tls
from shared.net.errors import ConnectFailed
from shared.smtp.client import SmtpClient, connect
from shared.smtp.envelope import Envelope, Mail, Phase
from shared.smtp.errors import ConnectionLost, LoginRefused, SessionRefused, TlsUnavailable
from shared.smtp.login import Credentials
from shared.smtp.timeouts import Timeouts
from tests.fakes.certificates import Certificate, make_certificate
from tests.fakes.smtp_server import Act, SmtpServer

MAIL = b"Subject: x\r\n\r\nHello\r\n"
TO_BOB = Envelope("alice@example.org", ("bob@corp.example",))
SHORT = Timeouts(greeting=0.2, command=0.2, data=0.2, final=0.2)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder: Path = tmp_path_factory.mktemp("certificate")
    return make_certificate(folder)


async def client_of(
    server: SmtpServer,
    *,
    tls: Tls = Tls.OFF,
    ca_file: str | None = None,
    credentials: Credentials | None = None,
    timeouts: Timeouts | None = None,
) -> SmtpClient:
    endpoint = Endpoint("127.0.0.1", server.port, tls=tls, ca_file=ca_file)
    return await connect(endpoint, helo_name="me.example", credentials=credentials, timeouts=timeouts)


async def test_many_mails_go_over_one_connection() -> None:
    async with SmtpServer() as server:
        client = await client_of(server)
        for number in range(20):
            (reply,) = await client.send_mail(Mail(TO_BOB, MAIL + b"%d\r\n" % number))
            assert reply.reply.positive
        await client.quit()
        assert server.connections == 1
        assert [mail.content for mail in server.accepted] == [MAIL + b"%d\r\n" % n for n in range(20)]
        assert server.commands[-1] == "QUIT"


@pytest.mark.parametrize("byte_by_byte", [False, True])
@pytest.mark.parametrize("keywords", [("PIPELINING", "8BITMIME", "SIZE"), ("8BITMIME",)])
async def test_mixed_recipients_get_their_own_replies(byte_by_byte: bool, keywords: tuple[str, ...]) -> None:
    recipients = {"no@corp.example": "550 5.1.1 unknown", "later@corp.example": "451 4.7.1 greylisted"}
    async with SmtpServer(recipients=recipients, keywords=keywords, byte_by_byte=byte_by_byte) as server:
        client = await client_of(server)
        to = ("no@corp.example", "bob@corp.example", "later@corp.example")
        replies = await client.send_mail(Mail(Envelope("", to), MAIL))
        assert [(each.recipient, each.reply.code, each.phase) for each in replies] == [
            ("no@corp.example", 550, Phase.RCPT),
            ("bob@corp.example", 250, Phase.CONTENT),
            ("later@corp.example", 451, Phase.RCPT),
        ]
        await client.quit()
        (mail,) = server.accepted
        assert (mail.reverse_path, mail.recipients, mail.content) == ("", ("bob@corp.example",), MAIL)


@pytest.mark.parametrize(
    ("moment", "reply", "phase"),
    [
        ("MAIL", "451 4.3.0 later", Phase.MAIL),
        ("MAIL", "550 5.7.1 no", Phase.MAIL),
        ("RCPT", "450 4.2.0 greylisted", Phase.RCPT),
        ("DATA", "451 4.3.0 later", Phase.DATA),
        ("DATA", "554 5.7.1 no", Phase.DATA),
        ("CONTENT", "452 4.3.1 disk full", Phase.CONTENT),
        ("CONTENT", "554 5.7.1 spam", Phase.CONTENT),
    ],
)
async def test_a_refusal_at_any_phase_is_reported_and_the_next_mail_goes_through(
    moment: str, reply: str, phase: Phase
) -> None:
    async with SmtpServer(replies={moment: [reply]}) as server:
        client = await client_of(server)
        (first,) = await client.send_mail(Mail(TO_BOB, MAIL))
        assert (first.reply.text, first.phase) == (reply, phase)
        assert not server.accepted
        del server.script[moment]
        (second,) = await client.send_mail(Mail(TO_BOB, MAIL))
        assert second.reply.positive
        await client.quit()
        assert len(server.accepted) == 1


@pytest.mark.parametrize("act", [Act.HANG_UP, Act.RESET, Act.SILENCE])
async def test_an_end_after_the_final_dot_leaves_the_mail_in_doubt(act: Act) -> None:
    async with SmtpServer(replies={"CONTENT": act}) as server:
        client = await client_of(server, timeouts=SHORT if act is Act.SILENCE else None)
        with pytest.raises(ConnectionLost) as caught:
            await client.send_mail(Mail(TO_BOB, MAIL))
        assert caught.value.after_content
        assert len(server.seen) == 1


@pytest.mark.parametrize("act", [Act.HANG_UP, Act.RESET, Act.SILENCE])
@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA"])
async def test_an_end_before_the_content_leaves_no_doubt(moment: str, act: Act) -> None:
    async with SmtpServer(replies={moment: act}) as server:
        client = await client_of(server, timeouts=SHORT if act is Act.SILENCE else None)
        with pytest.raises(ConnectionLost) as caught:
            await client.send_mail(Mail(TO_BOB, MAIL))
        assert not caught.value.content_begun
        assert not server.seen


async def test_a_refusal_in_the_middle_of_a_large_mail_is_reported() -> None:
    async def large() -> AsyncIterator[bytes]:
        for _ in range(500):
            yield b"x" * 65_534 + b"\r\n"

    async with SmtpServer(replies={"MIDDLE": "552 5.3.4 too large"}) as server:
        client = await client_of(server)
        (reply,) = await client.send_mail(Mail(TO_BOB, large()))
        assert (reply.reply.code, reply.phase) == (552, Phase.CONTENT)
        assert not client.usable


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA", "CONTENT"])
async def test_a_421_at_any_phase_is_a_reply_and_an_end(moment: str) -> None:
    async with SmtpServer(replies={moment: "421 4.3.2 shutting down"}) as server:
        client = await client_of(server)
        (reply,) = await client.send_mail(Mail(TO_BOB, MAIL))
        assert reply.reply.code == 421
        assert not client.usable


async def test_a_server_without_ehlo_accepts_mail() -> None:
    async with SmtpServer(replies={"EHLO": "500 what?"}) as server:
        client = await client_of(server)
        (reply,) = await client.send_mail(Mail(TO_BOB, MAIL))
        assert reply.reply.positive
        await client.quit()
        assert server.commands[:2] == ["EHLO me.example", "HELO me.example"]


async def test_a_busy_server_refuses_the_session() -> None:
    async with SmtpServer(replies={"GREETING": "421 4.7.0 too many connections"}) as server:
        with pytest.raises(SessionRefused):
            await client_of(server)


async def test_a_port_without_a_server_is_a_failed_connect() -> None:
    async with SmtpServer() as server:
        port = server.port
    with pytest.raises(ConnectFailed):
        await connect(Endpoint("127.0.0.1", port), helo_name="me.example")


async def test_mail_goes_over_tls_to_a_server_whose_certificate_is_trusted(certificate: Certificate) -> None:
    async with SmtpServer(certificate=certificate) as server:
        client = await client_of(server, tls=Tls.REQUIRED, ca_file=certificate.ca_file)
        assert client.is_tls
        (reply,) = await client.send_mail(Mail(TO_BOB, MAIL))
        assert reply.reply.positive
        await client.quit()
        assert server.commands[:3] == ["EHLO me.example", "STARTTLS", "EHLO me.example"]


async def test_an_untrusted_certificate_ends_a_session_that_requires_tls(certificate: Certificate) -> None:
    async with SmtpServer(certificate=certificate) as server:
        with pytest.raises(TlsUnavailable):
            await client_of(server, tls=Tls.REQUIRED)
        assert "MAIL" not in " ".join(server.commands)


async def test_where_tls_is_only_wanted_a_fresh_connection_does_not_verify(
    certificate: Certificate,
) -> None:
    async with SmtpServer(certificate=certificate) as server:
        client = await client_of(server, tls=Tls.WANTED)
        assert client.is_tls
        assert server.connections == 2
        await client.quit()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_login_under_tls(certificate: Certificate, mechanism: str) -> None:
    async with SmtpServer(certificate=certificate, users={"relay": "pässword"}) as server:
        client = await client_of(
            server,
            tls=Tls.REQUIRED,
            ca_file=certificate.ca_file,
            credentials=Credentials("relay", "pässword", (mechanism,)),
        )
        (reply,) = await client.send_mail(Mail(TO_BOB, MAIL))
        assert reply.reply.positive
        await client.quit()


async def test_a_wrong_password_is_refused() -> None:
    async with SmtpServer(users={"relay": "right"}) as server:
        with pytest.raises(LoginRefused):
            await client_of(server, credentials=Credentials("relay", "wrong"))


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        (b"", b""),
        (b".", b".\r\n"),
        (b".\r\n.\r\n..\r\n", b".\r\n.\r\n..\r\n"),
        (b"a\nb\rc", b"a\r\nb\r\nc\r\n"),
        (b"a\n.\nMAIL FROM:<eve@evil.example>\n", b"a\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n"),
        (b"a\r.\rDATA\r", b"a\r\n.\r\nDATA\r\n"),
        (b"nul\0\xff\r\n", b"nul\0\xff\r\n"),
        (b"x" * 100_000 + b"\r\n" + b"y" * 1_000_000, b"x" * 100_000 + b"\r\n" + b"y" * 1_000_000 + b"\r\n"),
    ],
)
async def test_strange_mails_arrive_as_one_mail_each(mail: bytes, expected: bytes) -> None:
    async with SmtpServer() as server:
        client = await client_of(server)
        await client.send_mail(Mail(TO_BOB, mail))
        await client.quit()
        assert [each.content for each in server.accepted] == [expected]
