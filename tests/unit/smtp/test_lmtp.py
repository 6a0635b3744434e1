"""LMTP: the same client, with a reply for each recipient behind the content (RFC 2033)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.model.endpoint import Endpoint
from shared.model.errors import Fault
from shared.net.errors import ConnectionLost as NetworkLost
from shared.smtp.client import SmtpClient, connect
from shared.smtp.commands import lhlo
from shared.smtp.dialogue import Dialogue
from shared.smtp.envelope import Content, Envelope, Mail, Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, SessionRefused
from shared.smtp.pool import ConnectionPool, PoolLimits
from shared.smtp.session import SmtpSession
from shared.smtp.timeouts import Timeouts
from tests.fakes.scripted_stream import ScriptedStream, each_byte
from tests.fakes.smtp_client import client_for
from tests.fakes.smtp_server import Act, SmtpServer

ANN, BOB, EVE = "ann@corp.example", "bob@corp.example", "eve@corp.example"
MAIL = b"Subject: x\r\n\r\nHello\r\n"
TO_THREE = Envelope("", (ANN, BOB, EVE))
PERMITTED = b"250 sender\r\n" + b"250 recipient\r\n" * 3 + b"354 go\r\n"


@asynccontextmanager
async def connected(server: SmtpServer) -> AsyncIterator[SmtpClient]:
    client = await connect(Endpoint("127.0.0.1", server.port), helo_name="me.example", lmtp=True)
    yield client
    await client.quit()


def ends(replies: list[RecipientReply] | tuple[RecipientReply, ...]) -> dict[str, tuple[int, Phase]]:
    return {each.recipient: (each.reply.code, each.phase) for each in replies}


async def test_each_recipient_has_its_own_result() -> None:
    replies = {"CONTENT": ["250 OK", "452 4.2.2 full", "250 OK"]}
    async with SmtpServer(lmtp=True, replies=replies) as server, connected(server) as client:
        found = ends([*await client.send_mail(Mail(TO_THREE, MAIL))])
    content = Phase.CONTENT
    assert found == {ANN: (250, content), BOB: (452, content), EVE: (250, content)}
    assert server.delivered == [(ANN, MAIL), (EVE, MAIL)]


async def test_a_refused_recipient_has_no_answer_to_the_content() -> None:
    replies = {"CONTENT": ["250 OK", "550 5.7.1 spam"]}
    refused = {ANN: "550 5.1.1 who"}
    async with (
        SmtpServer(lmtp=True, recipients=refused, replies=replies) as server,
        connected(server) as client,
    ):
        found = ends([*await client.send_mail(Mail(TO_THREE, MAIL))])
    assert found == {ANN: (550, Phase.RCPT), BOB: (250, Phase.CONTENT), EVE: (550, Phase.CONTENT)}


async def test_it_begins_with_lhlo_and_never_with_helo() -> None:
    async with SmtpServer() as server:
        with pytest.raises(SessionRefused, match="LHLO"):
            await connect(Endpoint("127.0.0.1", server.port), helo_name="me.example", lmtp=True)
        assert server.commands == ["LHLO me.example"]


async def test_a_connection_that_ends_among_the_answers_leaves_the_rest_in_doubt() -> None:
    replies: dict[str, list[str | Act]] = {"CONTENT": ["250 OK", "552 5.2.2 full", Act.HANG_UP]}
    async with SmtpServer(lmtp=True, replies=replies) as server, connected(server) as client:
        with pytest.raises(ConnectionLost) as lost:
            await client.send_mail(Mail(TO_THREE, MAIL))
    assert lost.value.after_content
    assert ends([*lost.value.answered]) == {ANN: (250, Phase.CONTENT), BOB: (552, Phase.CONTENT)}


async def test_a_421_for_one_recipient_leaves_those_behind_it_in_doubt() -> None:
    replies = {"CONTENT": ["250 OK", "421 4.3.2 going down"]}
    async with SmtpServer(lmtp=True, replies=replies) as server, connected(server) as client:
        with pytest.raises(ConnectionLost) as lost:
            await client.send_mail(Mail(TO_THREE, MAIL))
    assert lost.value.after_content
    assert ends([*lost.value.answered]) == {ANN: (250, Phase.CONTENT), BOB: (421, Phase.CONTENT)}


@pytest.mark.parametrize("keywords", [("PIPELINING",), ("PIPELINING", "CHUNKING")])
@pytest.mark.parametrize("streamed", [False, True])
async def test_after_a_goodbye_among_the_answers_nothing_goes_out_again_over_a_kept_connection_either(
    streamed: bool, keywords: tuple[str, ...]
) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield MAIL

    replies = {"CONTENT": ["250 first", "250 OK", "421 4.3.2 going down", "250 OK"]}
    async with SmtpServer(lmtp=True, replies=replies, keywords=keywords) as server:
        endpoint = Endpoint("127.0.0.1", server.port)
        pool = ConnectionPool(
            endpoint,
            PoolLimits(connections=1),
            connect=lambda: connect(endpoint, helo_name="me.example", lmtp=True),
            clock=time.monotonic,
        )
        await pool.deliver_mail(Envelope("", (EVE,)), MAIL)
        with pytest.raises(ConnectionLost) as lost:
            await pool.deliver_mail(TO_THREE, stream() if streamed else MAIL)
        await pool.close()
    assert lost.value.after_content
    assert lost.value.answered[0].recipient == ANN
    assert server.delivered == [(EVE, MAIL), (ANN, MAIL)]


LARGE = b"x\r\n" * 50_000
LARGER = b"y\r\n" * 100_000
CHUNKING = b"250-PIPELINING\r\n250 CHUNKING\r\n"
TAKEN = b"250 sender\r\n" + b"250 recipient\r\n" * 3
REFUSED = b"552 5.3.4 too large\r\n"


async def carried(
    stream: ScriptedStream, envelope: Envelope, content: Content
) -> dict[str, tuple[int, Phase]]:
    """Send a mail over `stream`, which has the rest of the script behind LHLO; return the results."""
    dialogue = Dialogue(stream, Endpoint("mail.corp.example", 24), Timeouts(), lmtp=True)
    await dialogue.read_answers()
    await dialogue.exchange([lhlo("me.example")])
    return ends([*await SmtpClient(SmtpSession(dialogue)).send_mail(Mail(envelope, content))])


class BrokenOff(ScriptedStream):
    """Loses the connection while content is sent: in the middle of a large mail, or at its final dot."""

    def __init__(self, *reads: bytes, at_the_dot: bool = False, offer: bytes = b"250 PIPELINING\r\n") -> None:
        super().__init__(b"220 hi\r\n", b"250-x\r\n" + offer, *reads)
        self._at_the_dot = at_the_dot

    async def drain(self) -> None:
        if not self._at_the_dot:
            raise NetworkLost("reset", fault=Fault.TARGET)

    def write(self, data: bytes) -> None:
        if self._at_the_dot and data.endswith(b".\r\n"):
            raise NetworkLost("reset", fault=Fault.TARGET)
        super().write(data)


def by_bdat(*last_words: bytes) -> BrokenOff:
    return BrokenOff(TAKEN, *last_words, offer=CHUNKING)


async def as_a_stream(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refusal_in_the_middle_of_a_large_mail_is_one_for_all(streamed: bool, chunked: bool) -> None:
    stream = by_bdat(REFUSED) if chunked else BrokenOff(PERMITTED, REFUSED)
    found = await carried(stream, TO_THREE, as_a_stream(LARGER) if streamed else LARGER)
    assert found == dict.fromkeys((ANN, BOB, EVE), (552, Phase.CONTENT))


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_connection_lost_in_the_middle_of_a_large_mail_leaves_no_doubt(
    streamed: bool, chunked: bool
) -> None:
    stream = by_bdat() if chunked else BrokenOff(PERMITTED)
    with pytest.raises(ConnectionLost) as lost:
        await carried(stream, TO_THREE, as_a_stream(LARGER) if streamed else LARGER)
    assert (lost.value.content_begun, lost.value.after_content) == (True, False)


async def test_a_large_mail_by_bdat_ends_in_a_chunk_of_its_own_and_has_an_answer_for_each() -> None:
    answers = b"250 ann has it\r\n452 4.2.2 bob is full\r\n250 eve has it\r\n"
    stream = ScriptedStream(b"220 hi\r\n", b"250-x\r\n" + CHUNKING, TAKEN, b"250 chunk\r\n", answers)
    found = await carried(stream, TO_THREE, LARGER)
    assert [code for code, _ in found.values()] == [250, 452, 250]
    assert stream.writes[-2:] == [b"BDAT %d\r\n" % len(LARGER) + LARGER, b"BDAT 0 LAST\r\n"]


async def test_a_small_mail_by_bdat_goes_in_one_write() -> None:
    answers = b"250 ann has it\r\n250 bob has it\r\n250 eve has it\r\n"
    stream = ScriptedStream(b"220 hi\r\n", b"250-x\r\n" + CHUNKING, TAKEN, answers)
    await carried(stream, TO_THREE, b"a\0b\r\n")
    assert stream.writes[-1] == b"BDAT 5 LAST\r\na\0b\r\n"


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_last_reply_of_a_server_that_may_have_the_whole_mail_counts_for_its_recipient(
    streamed: bool,
) -> None:
    stream = BrokenOff(PERMITTED, b"250 ann has it\r\n452 4.2.2 bob is full\r\n", at_the_dot=True)
    with pytest.raises(ConnectionLost) as lost:
        await carried(stream, TO_THREE, as_a_stream(LARGE) if streamed else LARGE)
    assert lost.value.after_content
    assert ends([*lost.value.answered]) == {ANN: (250, Phase.CONTENT), BOB: (452, Phase.CONTENT)}


async def test_a_connection_that_broke_at_the_end_is_used_no_more_though_it_answered_for_all() -> None:
    answers = b"250 ann has it\r\n452 4.2.2 bob is full\r\n250 eve has it\r\n"
    stream = BrokenOff(PERMITTED, answers, at_the_dot=True)
    found = await carried(stream, TO_THREE, LARGE)
    assert [code for code, _ in found.values()] == [250, 452, 250]
    assert stream.aborted


@pytest.mark.parametrize("at_the_dot", [False, True])
async def test_a_refusal_before_the_connection_is_lost_is_clear_for_a_single_recipient(
    at_the_dot: bool,
) -> None:
    permitted = b"250 sender\r\n250 recipient\r\n354 go\r\n"
    stream = BrokenOff(permitted, b"552 5.3.4 too large\r\n", at_the_dot=at_the_dot)
    assert await carried(stream, Envelope("", (BOB,)), LARGE) == {BOB: (552, Phase.CONTENT)}


async def test_the_last_reply_to_the_last_chunk_counts_for_its_recipient() -> None:
    stream = ScriptedStream(b"220 hi\r\n", b"250-x\r\n" + CHUNKING, TAKEN, b"250 chunk\r\n", REFUSED)
    stream.fail_writes(None, None, None, NetworkLost("reset", fault=Fault.TARGET))
    with pytest.raises(ConnectionLost) as lost:
        await carried(stream, TO_THREE, LARGER)
    assert lost.value.after_content
    assert ends([*lost.value.answered]) == {ANN: (552, Phase.CONTENT)}
    assert stream.aborted


async def test_the_answers_may_come_one_byte_at_a_time() -> None:
    stream = ScriptedStream(*each_byte(PERMITTED + b"250 a\r\n451 b\r\n250 c\r\n"))
    client = await client_for(stream)
    client.session.dialogue.protocol.lmtp = True
    found = ends([*await client.send_mail(Mail(TO_THREE, MAIL))])
    assert [code for code, _ in found.values()] == [250, 451, 250]
    assert client.usable


async def test_answers_for_all_come_before_those_to_the_next_mail() -> None:
    async with SmtpServer(lmtp=True, recipients={EVE: "550 5.1.1 who"}) as server:
        endpoint = Endpoint("127.0.0.1", server.port)
        pool = ConnectionPool(
            endpoint,
            PoolLimits(connections=1),
            connect=lambda: connect(endpoint, helo_name="me.example", lmtp=True),
            clock=lambda: 0.0,
        )
        mails = [b"Subject: %d\r\n" % number for number in range(5)]
        for replies in await asyncio.gather(*(pool.deliver_mail(TO_THREE, mail) for mail in mails)):
            assert [each.reply.code for each in replies] == [250, 250, 550]
        assert server.delivered == [(who, mail) for mail in mails for who in (ANN, BOB)]
        assert server.connections == 1
        await pool.close()


async def test_permission_for_content_without_recipients_ends_the_connection() -> None:
    answers = b"250 sender\r\n" + b"550 5.1.1 who\r\n" * 3 + b"354 go\r\n"
    stream = ScriptedStream(answers)
    client = await client_for(stream)
    client.session.dialogue.protocol.lmtp = True
    assert {each.reply.code for each in await client.send_mail(Mail(TO_THREE, MAIL))} == {550}
    assert MAIL not in stream.written
    assert not client.usable


async def test_a_mail_goes_through_a_unix_socket(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("lmtp") / "s"
    async with SmtpServer(lmtp=True) as server:
        local = await asyncio.start_unix_server(server.run_session, path)
        endpoint = Endpoint("localhost", 0, unix_path=str(path))
        client = await connect(endpoint, helo_name="me.example", lmtp=True)
        await client.send_mail(Mail(Envelope("", (BOB,)), MAIL))
        await client.quit()
        local.close()
        await local.wait_closed()
    assert server.delivered == [(BOB, MAIL)]
