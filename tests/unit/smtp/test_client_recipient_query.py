"""Asking a target about recipients without sending a mail."""

from __future__ import annotations

import pytest

from shared.model.endpoint import Endpoint
from shared.model.target import Target
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, Unsendable
from shared.smtp.target import connect_target
from tests.fakes.smtp_server import Act, SmtpServer

BOB, EVE, NOBODY = "bob@corp.example", "eve@corp.example", "nobody@corp.example"


async def asked(server: SmtpServer, *addresses: str, sender: str = "") -> list[tuple[str, int, Phase]]:
    target = Target("corp", Endpoint("127.0.0.1", server.port))
    client = await connect_target(target, helo_name="me.example")
    try:
        replies = await client.ask_about(sender, addresses)
    finally:
        await client.quit()
    return [_short(each) for each in replies]


def _short(each: RecipientReply) -> tuple[str, int, Phase]:
    return each.recipient, each.reply.code, each.phase


async def test_each_address_has_its_reply_and_no_mail_is_sent() -> None:
    async with SmtpServer(recipients={NOBODY: "550 5.1.1 no such user"}) as server:
        found = await asked(server, BOB, NOBODY, EVE)
    assert found == [(BOB, 250, Phase.RCPT), (NOBODY, 550, Phase.RCPT), (EVE, 250, Phase.RCPT)]
    assert server.commands[1:] == [
        "MAIL FROM:<>",
        f"RCPT TO:<{BOB}>",
        f"RCPT TO:<{NOBODY}>",
        f"RCPT TO:<{EVE}>",
        "RSET",
        "QUIT",
    ]


async def test_without_pipelining_each_is_asked_in_turn() -> None:
    async with SmtpServer(keywords=(), recipients={NOBODY: "550 5.1.1 no such user"}) as server:
        assert [code for _, code, _ in await asked(server, NOBODY, BOB)] == [550, 250]


async def test_a_refused_sender_is_the_answer_to_all() -> None:
    async with SmtpServer(replies={"MAIL": "550 5.7.1 not you"}) as server:
        assert await asked(server, BOB, EVE) == [(BOB, 550, Phase.MAIL), (EVE, 550, Phase.MAIL)]


async def test_a_421_answers_for_all_that_had_no_answer_yet() -> None:
    async with SmtpServer(recipients={EVE: "421 4.7.0 too many errors"}) as server:
        found = await asked(server, BOB, EVE, NOBODY)
    assert found == [(BOB, 250, Phase.RCPT), (EVE, 421, Phase.RCPT), (NOBODY, 421, Phase.RCPT)]


async def test_an_address_that_cannot_be_written_is_answered_here() -> None:
    async with SmtpServer() as server:
        assert await asked(server, "two words@corp.example", BOB) == [
            ("two words@corp.example", 553, Phase.RCPT),
            (BOB, 250, Phase.RCPT),
        ]


async def test_a_sender_that_cannot_be_written_is_an_error() -> None:
    async with SmtpServer() as server:
        with pytest.raises(Unsendable):
            await asked(server, BOB, sender="a\r\nb@example.org")


async def test_a_server_that_hangs_up_has_answered_nothing() -> None:
    async with SmtpServer(replies={"RCPT": Act.HANG_UP}) as server:
        with pytest.raises(ConnectionLost) as lost:
            await asked(server, BOB)
    assert not lost.value.content_begun
