"""The original client, told to a target that trusts us."""

from __future__ import annotations

import asyncio

import pytest

from shared.model.endpoint import Endpoint
from shared.smtp.client import connect
from shared.smtp.client_command import report
from shared.smtp.client_report import XCLIENT, XFORWARD, ReportedClient
from shared.smtp.envelope import Envelope
from shared.smtp.pool import ConnectionPool, Usage
from tests.fakes.scripted_stream import ScriptedStream
from tests.fakes.smtp_client import client_for
from tests.fakes.smtp_server import SmtpServer

MAIL = b"Subject: x\r\n\r\n"
CLIENT = ReportedClient(XFORWARD, "mx.sender.example", "192.0.2.7", "sender example")
ATTRIBUTES = ("NAME", "ADDR", "PORT", "HELO")


def test_values_are_words_that_add_nothing() -> None:
    client = ReportedClient(XFORWARD, "evil\r\nRCPT TO:<x>", "2001:db8::1", "")
    assert report(client, ATTRIBUTES).line == (
        b"XFORWARD NAME=evil+0D+0ARCPT+20TO:<x> ADDR=IPV6:2001:db8::1 HELO=[UNAVAILABLE]\r\n"
    )


@pytest.mark.parametrize("address", ["", "unknown", "192.0.2.7\r\nQUIT", "192.0.2.256"])
def test_what_is_no_address_is_not_available(address: str) -> None:
    client = ReportedClient(XCLIENT, address=address)
    assert report(client, ("ADDR",)).line == b"XCLIENT ADDR=[UNAVAILABLE]\r\n"


async def test_xforward_goes_in_front_of_the_sender_in_the_same_write() -> None:
    offer = b"250-mx.example\r\n250-PIPELINING\r\n250 XFORWARD NAME ADDR\r\n"
    answers = b"250 noted\r\n250 sender\r\n250 recipient\r\n354 go\r\n"
    stream = ScriptedStream(answers, b"250 taken\r\n")
    client = await client_for(stream, offer)
    (reply,) = await client.send(Envelope("", ("bob@corp.example",), client=CLIENT), MAIL)
    assert reply.reply.positive
    assert stream.writes[0].startswith(b"XFORWARD NAME=mx.sender.example ADDR=192.0.2.7\r\nMAIL FROM:<>")


async def test_a_refused_xforward_does_not_matter_to_the_mail() -> None:
    offer = b"250-mx.example\r\n250-PIPELINING\r\n250 XFORWARD NAME\r\n"
    stream = ScriptedStream(b"501 no\r\n250 sender\r\n250 recipient\r\n354 go\r\n", b"250 taken\r\n")
    client = await client_for(stream, offer)
    (reply,) = await client.send(Envelope("", ("bob@corp.example",), client=CLIENT), MAIL)
    assert reply.reply.positive


async def test_nothing_is_told_to_a_target_that_does_not_ask_for_it() -> None:
    async with SmtpServer() as server:
        client = await connect(Endpoint("127.0.0.1", server.port), helo_name="me.example")
        await client.send(Envelope("", ("bob@corp.example",), client=CLIENT), MAIL)
        await client.quit()
    assert not any(command.startswith("X") for command in server.commands)


async def test_xclient_begins_each_mail_anew_and_none_goes_ahead() -> None:
    replies = {"XCLIENT": "220 mx.example"}
    async with SmtpServer(keywords=("PIPELINING", "XCLIENT NAME ADDR"), replies=replies) as server:
        endpoint = Endpoint("127.0.0.1", server.port)
        pool = ConnectionPool(
            endpoint, Usage(1), connect=lambda: connect(endpoint, helo_name="me.example"), clock=lambda: 0.0
        )
        clients = [ReportedClient(XCLIENT, address=f"192.0.2.{number}") for number in range(4)]
        envelopes = [Envelope("", ("bob@corp.example",), client=client) for client in clients]
        await asyncio.gather(*(pool.send(envelope, MAIL) for envelope in envelopes))
        await pool.close()
    assert len(server.accepted) == 4
    begun = [command.split()[0] for command in server.commands]
    assert begun == ["EHLO", *["XCLIENT", "EHLO", "MAIL", "RCPT", "DATA"] * 4, "QUIT"]
    assert [command for command in server.commands if command.startswith("XCLIENT")] == [
        f"XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.{number}" for number in range(4)
    ]
