"""The original client, reported to a target that trusts us."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from shared.model.endpoint import Endpoint
from shared.smtp.client import connect
from shared.smtp.commands import client_report
from shared.smtp.envelope import XCLIENT, XFORWARD, Envelope, Mail, ReportedClient
from shared.smtp.errors import ConnectionLost, LoginRefused, SizeRefused
from shared.smtp.login import Credentials
from shared.smtp.pool import ConnectionPool, PoolLimits
from shared.smtp.reply import Reply
from tests.fakes.scripted_stream import ScriptedStream
from tests.fakes.smtp_client import client_for
from tests.fakes.smtp_server import Act, Scripted, SmtpServer

Script = Mapping[str, Scripted | Sequence[Scripted]]

MAIL = b"Subject: x\r\n\r\n"
CLIENT = ReportedClient(XFORWARD, "mx.sender.example", "192.0.2.7", "sender example")
ATTRIBUTES = ("NAME", "ADDR", "PORT", "HELO")


def test_values_are_words_that_add_nothing() -> None:
    client = ReportedClient(XFORWARD, "evil\r\nRCPT TO:<x>", "2001:db8::1", "")
    assert client_report(client, ATTRIBUTES).line == (
        b"XFORWARD NAME=evil+0D+0ARCPT+20TO:<x> ADDR=IPV6:2001:db8::1 HELO=[UNAVAILABLE]\r\n"
    )


@pytest.mark.parametrize("address", ["", "unknown", "192.0.2.7\r\nQUIT", "192.0.2.256"])
def test_an_invalid_address_is_reported_as_unavailable(address: str) -> None:
    client = ReportedClient(XCLIENT, address=address)
    assert client_report(client, ("ADDR",)).line == b"XCLIENT ADDR=[UNAVAILABLE]\r\n"


async def test_xforward_goes_in_front_of_the_sender_in_the_same_write() -> None:
    offer = b"250-mx.example\r\n250-PIPELINING\r\n250 XFORWARD NAME ADDR\r\n"
    answers = b"250 noted\r\n250 sender\r\n250 recipient\r\n354 go\r\n"
    stream = ScriptedStream(answers, b"250 taken\r\n")
    client = await client_for(stream, offer)
    (reply,) = await client.send_mail(Mail(Envelope("", ("bob@corp.example",), client=CLIENT), MAIL))
    assert reply.reply.positive
    assert stream.writes[0].startswith(b"XFORWARD NAME=mx.sender.example ADDR=192.0.2.7\r\nMAIL FROM:<>")


async def test_a_refused_xforward_does_not_matter_to_the_mail() -> None:
    offer = b"250-mx.example\r\n250-PIPELINING\r\n250 XFORWARD NAME\r\n"
    stream = ScriptedStream(b"501 no\r\n250 sender\r\n250 recipient\r\n354 go\r\n", b"250 taken\r\n")
    client = await client_for(stream, offer)
    (reply,) = await client.send_mail(Mail(Envelope("", ("bob@corp.example",), client=CLIENT), MAIL))
    assert reply.reply.positive


async def test_nothing_is_reported_to_a_target_that_does_not_offer_it() -> None:
    async with SmtpServer() as server:
        client = await connect(Endpoint("127.0.0.1", server.port), helo_name="me.example")
        await client.send_mail(Mail(Envelope("", ("bob@corp.example",), client=CLIENT), MAIL))
        await client.quit()
    assert not any(command.startswith("X") for command in server.commands)


async def test_xclient_begins_each_mail_anew_and_none_goes_ahead() -> None:
    replies: Script = {"XCLIENT": "220 mx.example"}
    async with SmtpServer(keywords=("PIPELINING", "XCLIENT NAME ADDR"), replies=replies) as server:
        endpoint = Endpoint("127.0.0.1", server.port)
        pool = ConnectionPool(
            endpoint,
            PoolLimits(1),
            connect=lambda: connect(endpoint, helo_name="me.example"),
            clock=lambda: 0.0,
        )
        clients = [ReportedClient(XCLIENT, address=f"192.0.2.{number}") for number in range(4)]
        envelopes = [Envelope("", ("bob@corp.example",), client=client) for client in clients]
        await asyncio.gather(*(pool.deliver_mail(envelope, MAIL) for envelope in envelopes))
        await pool.close()
    assert len(server.accepted) == 4
    begun = [command.split()[0] for command in server.commands]
    assert begun == ["EHLO", *["XCLIENT", "EHLO", "MAIL", "RCPT", "DATA"] * 4, "QUIT"]
    assert [command for command in server.commands if command.startswith("XCLIENT")] == [
        f"XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.{number}" for number in range(4)
    ]


def xclient(address: str = "192.0.2.7") -> Envelope:
    return Envelope("", ("bob@corp.example",), client=ReportedClient(XCLIENT, address=address))


def verbs(server: SmtpServer) -> list[str]:
    return [command.split()[0] for command in server.commands]


async def told(server: SmtpServer, count: int = 1, credentials: Credentials | None = None) -> list[Reply]:
    """Send mails one after the other over a pool of one connection; return the results."""
    endpoint = Endpoint("127.0.0.1", server.port)
    pool = ConnectionPool(
        endpoint,
        PoolLimits(1),
        connect=lambda: connect(endpoint, helo_name="me.example", credentials=credentials),
        clock=lambda: 0.0,
    )
    try:
        return [(await pool.deliver_mail(xclient(f"192.0.2.{n}"), MAIL))[0].reply for n in range(count)]
    finally:
        await pool.close()


XCLIENTS = ("PIPELINING", "XCLIENT NAME ADDR")
LOGIN = Credentials("me", "s3cret")
GREETED_ANEW = "220 mx.example"


async def test_a_server_that_leaves_at_xclient_has_put_the_mail_off() -> None:
    async with SmtpServer(keywords=XCLIENTS, replies={"XCLIENT": "421 4.3.2 Not now"}) as server:
        (reply,) = await told(server)
    assert (reply.code, verbs(server)) == (421, ["EHLO", "XCLIENT"])


async def test_a_kept_connection_that_ends_at_xclient_is_replaced() -> None:
    replies: Script = {"XCLIENT": [GREETED_ANEW, "421 4.4.2 Too long idle", GREETED_ANEW]}
    async with SmtpServer(keywords=XCLIENTS, replies=replies) as server:
        assert all(reply.positive for reply in await told(server, 2))
    assert (server.connections, len(server.accepted)) == (2, 2)


@pytest.mark.parametrize("refusal", ["550 5.7.1 Client host rejected", "450 4.7.1 Later", "421 4.7.0 Bye"])
async def test_a_client_that_the_server_does_not_greet_gets_the_mail_refused_and_no_other(
    refusal: str,
) -> None:
    replies: Script = {"XCLIENT": GREETED_ANEW, "EHLO": [Act.PROPERLY, refusal, Act.PROPERLY]}
    async with SmtpServer(keywords=XCLIENTS, replies=replies) as server:
        first, second = await told(server, 2)
    assert (first.text, second.positive, server.connections) == (refusal, True, 2)


async def test_a_session_that_xclient_began_anew_is_logged_in_anew() -> None:
    replies: Script = {"XCLIENT": GREETED_ANEW}
    async with SmtpServer(keywords=XCLIENTS, users={"me": "s3cret"}, replies=replies) as server:
        assert all(reply.positive for reply in await told(server, 2, LOGIN))
    each = ["XCLIENT", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
    assert verbs(server) == ["EHLO", "AUTH", *each, *each, "QUIT"]


async def test_after_a_refused_xclient_there_is_no_new_login() -> None:
    replies: Script = {"XCLIENT": "550 5.7.0 Not you"}
    async with SmtpServer(keywords=XCLIENTS, users={"me": "s3cret"}, replies=replies) as server:
        assert all(reply.positive for reply in await told(server, 1, LOGIN))
    assert verbs(server) == ["EHLO", "AUTH", "XCLIENT", "MAIL", "RCPT", "DATA", "QUIT"]


async def test_a_login_refused_in_the_new_session_ends_the_connection() -> None:
    replies: Script = {"XCLIENT": GREETED_ANEW, "AUTH": [Act.PROPERLY, "454 4.7.0 Not now", Act.PROPERLY]}
    async with SmtpServer(keywords=XCLIENTS, users={"me": "s3cret"}, replies=replies) as server:
        client = await connect(Endpoint("127.0.0.1", server.port), helo_name="me.example", credentials=LOGIN)
        with pytest.raises(LoginRefused):
            await client.send_mail(Mail(xclient(), MAIL))
        assert not client.usable
    assert (server.accepted, verbs(server)[-1]) == ([], "AUTH")


async def test_a_server_that_leaves_at_xforward_ends_the_connection() -> None:
    async with SmtpServer(keywords=("XFORWARD ADDR",), replies={"XFORWARD": "421 4.3.2 Bye"}) as server:
        client = await connect(Endpoint("127.0.0.1", server.port), helo_name="me.example")
        with pytest.raises(ConnectionLost) as lost:
            await client.send_mail(Mail(Envelope("", ("bob@corp.example",), client=CLIENT), MAIL))
    assert not lost.value.content_begun


async def test_a_server_that_leaves_before_xclient_has_put_the_mail_off() -> None:
    replies: Script = {"XCLIENT": GREETED_ANEW, "RSET": "421 4.3.2 Bye"}
    async with SmtpServer(
        keywords=XCLIENTS, recipients={"eve@corp.example": "550 no"}, replies=replies
    ) as server:
        client = await connect(Endpoint("127.0.0.1", server.port), helo_name="me.example")
        await client.send_mail(Mail(Envelope("", ("eve@corp.example",)), MAIL))
        (reply,) = await client.send_mail(Mail(xclient(), MAIL))
    assert reply.reply.code == 421


def own() -> Envelope:
    """A notice made by Mailferry has no client."""
    return Envelope("", ("postmaster@corp.example",))


async def carried(server: SmtpServer, *envelopes: Envelope, content: bytes = MAIL) -> list[Reply]:
    """Send mails that wait together for one connection; return the results in their order."""
    endpoint = Endpoint("127.0.0.1", server.port)
    pool = ConnectionPool(
        endpoint, PoolLimits(1), connect=lambda: connect(endpoint, helo_name="me.example"), clock=lambda: 0.0
    )
    try:
        ends = await asyncio.gather(*(pool.deliver_mail(envelope, content) for envelope in envelopes))
        return [reply.reply for (reply,) in ends]
    finally:
        await pool.close()


async def test_a_notice_of_ours_does_not_pass_for_a_mail_of_the_client_before_it() -> None:
    async with SmtpServer(keywords=XCLIENTS, replies={"XCLIENT": GREETED_ANEW}) as server:
        assert all(reply.positive for reply in await carried(server, xclient(), own(), own(), xclient()))
    mail = ["MAIL", "RCPT", "DATA"]
    introduced = ["XCLIENT", "EHLO", *mail]
    assert (server.connections, verbs(server)) == (
        2,
        ["EHLO", *introduced, "QUIT", "EHLO", *mail, *mail, *introduced, "QUIT"],
    )


async def test_where_a_new_client_is_refused_the_mail_does_not_pass_for_one_of_the_client_before_it() -> None:
    replies: Script = {"XCLIENT": [GREETED_ANEW, "550 5.7.0 Not this one", "550 5.7.0 Not this one"]}
    async with SmtpServer(keywords=XCLIENTS, replies=replies) as server:
        assert all(reply.positive for reply in await told(server, 2))
    assert verbs(server)[6:] == ["XCLIENT", "QUIT", "EHLO", "XCLIENT", "MAIL", "RCPT", "DATA", "QUIT"]


async def test_a_session_that_offers_no_xclient_any_more_is_none_for_another_client() -> None:
    replies: Script = {"XCLIENT": GREETED_ANEW, "EHLO": [Act.PROPERLY, "250 mx.example", Act.PROPERLY]}
    async with SmtpServer(keywords=XCLIENTS, replies=replies) as server:
        assert all(reply.positive for reply in await told(server, 2))
    assert (server.connections, verbs(server).count("XCLIENT")) == (2, 2)


@pytest.mark.parametrize("offered", [("SIZE 10000000", "CHUNKING"), ()])
async def test_the_extensions_of_the_new_session_count(offered: tuple[str, ...]) -> None:
    """Postfix may hide keywords from some clients (smtpd_discard_ehlo_keyword_address_maps)."""
    large = b"Subject: x\r\n\r\n" + b"y\r\n" * 100_000
    replies: Script = {"XCLIENT": GREETED_ANEW, "EHLO": [Act.PROPERLY, "250 mx.example", Act.PROPERLY]}
    async with SmtpServer(keywords=(*XCLIENTS, *offered), replies=replies) as server:
        (reply,) = await carried(server, xclient(), content=large)
    assert reply.positive
    assert verbs(server)[-4:] == ["MAIL", "RCPT", "DATA", "QUIT"]
    assert "MAIL FROM:<>" in server.commands


async def test_a_limit_for_the_client_before_is_none_for_the_next_one() -> None:
    small = "250-mx.example\r\n250-SIZE 5\r\n250 XCLIENT NAME ADDR"
    replies: Script = {"XCLIENT": GREETED_ANEW, "EHLO": [Act.PROPERLY, small, Act.PROPERLY]}
    async with SmtpServer(keywords=XCLIENTS, replies=replies) as server:
        client = await connect(Endpoint("127.0.0.1", server.port), helo_name="me.example")
        with pytest.raises(SizeRefused):
            await client.send_mail(Mail(xclient("192.0.2.1"), MAIL))
        (reply,) = await client.send_mail(Mail(xclient("192.0.2.2"), MAIL))
        await client.quit()
    assert reply.reply.positive


async def test_a_mail_whose_client_is_not_greeted_is_not_judged_by_earlier_extensions() -> None:
    replies: Script = {"XCLIENT": GREETED_ANEW, "EHLO": [Act.PROPERLY, "450 4.7.1 Later"]}
    async with SmtpServer(keywords=(*XCLIENTS, "8BITMIME"), replies=replies) as server:
        (reply,) = await carried(server, xclient(), content=b"Subject: \xfc\r\n\r\n")
    assert reply.code == 450
