"""Pipelined mails: the next envelope is sent behind the content of the mail before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from shared.model.endpoint import Endpoint
from shared.net.errors import ConnectionLost as NetworkLost
from shared.net.errors import DeadlineExceeded, NetworkError
from shared.smtp.client import PipelinedMail, SmtpClient, connect
from shared.smtp.envelope import Envelope, Mail, RecipientReply
from shared.smtp.errors import ConnectionLost, EightBitRefused
from shared.smtp.pool import ConnectionPool, PoolLimits
from tests.fakes.scripted_stream import ScriptedStream, each_byte
from tests.fakes.smtp_client import BARE, FULL, client_for
from tests.fakes.smtp_server import Act, SmtpServer

ANN, BOB, EVE = (Envelope("", (f"{name}@corp.example",)) for name in ("ann", "bob", "eve"))
FIRST, SECOND, THIRD = (b"Subject: %d\r\n\r\ntext\r\n" % number for number in (1, 2, 3))
PERMITTED = b"250 sender\r\n250 recipient\r\n354 go\r\n"


class Queue:
    """Mails that wait."""

    def __init__(self, *mails: Mail) -> None:
        self.mails = list(mails)
        self.returned: list[Mail] = []

    def next_mail(self, client: SmtpClient) -> PipelinedMail | None:
        if not self.mails:
            return None
        mail = self.mails.pop(0)
        return PipelinedMail(mail, client.plan_transaction(mail))

    def return_mail(self, mail: Mail) -> None:
        self.returned.append(mail)


def codes(replies: Sequence[RecipientReply]) -> list[int]:
    return [each.reply.code for each in replies]


async def both(*reads: bytes | NetworkError, offer: bytes = FULL) -> tuple[list[list[int]], ScriptedStream]:
    """Send two mails, the second pipelined; return their reply codes, and the stream."""
    stream = ScriptedStream(*reads)
    client = await client_for(stream, offer)
    first, second = Mail(ANN, FIRST), Mail(BOB, SECOND)
    queue = Queue(second)
    ends = [codes(await client.send_mail(first, queue))]
    if client.pipelined_mail is None:
        queue.mails.clear()
    ends.append(codes(await client.send_mail(second, queue)))
    return ends, stream


async def test_the_next_envelope_goes_with_the_content_in_one_write() -> None:
    ends, stream = await both(PERMITTED, b"250 first\r\n" + PERMITTED, b"250 second\r\n")
    assert ends == [[250], [250]]
    assert stream.writes[1:] == [
        FIRST + b".\r\nMAIL FROM:<> SIZE=20\r\nRCPT TO:<bob@corp.example>\r\nDATA\r\n",
        SECOND + b".\r\n",
    ]
    assert stream.unread == 0


async def test_two_mails_are_sent_to_a_server_that_answers_one_byte_at_a_time() -> None:
    ends, _ = await both(*each_byte(PERMITTED + b"250 first\r\n" + PERMITTED + b"250 second\r\n"))
    assert ends == [[250], [250]]


async def test_a_refused_content_leaves_the_next_mail_alone() -> None:
    ends, _ = await both(PERMITTED, b"554 5.7.1 spam\r\n" + PERMITTED, b"250 second\r\n")
    assert ends == [[554], [250]]


async def test_a_refused_envelope_behind_accepted_content_is_the_next_mails_alone() -> None:
    ends, _ = await both(PERMITTED, b"250 first\r\n250 sender\r\n550 5.1.1 who\r\n503 5.5.1 nobody\r\n")
    assert ends == [[250], [550]]


async def test_content_without_recipients_is_a_lone_dot() -> None:
    ends, stream = await both(
        PERMITTED, b"250 first\r\n250 sender\r\n550 5.1.1 who\r\n354 go\r\n", b"554 5.5.1 nobody\r\n"
    )
    assert ends == [[250], [550]]
    assert stream.writes[-1] == b".\r\n"


async def test_without_pipelining_nothing_goes_ahead() -> None:
    one_by_one = [b"250 sender\r\n", b"250 recipient\r\n", b"354 go\r\n", b"250 taken\r\n"]
    ends, stream = await both(*one_by_one, *one_by_one, offer=BARE)
    assert ends == [[250], [250]]
    assert len(stream.writes) == 8


async def test_a_connection_lost_behind_the_dot_leaves_only_the_sent_mail_in_doubt() -> None:
    stream = ScriptedStream(PERMITTED, NetworkLost("The connection was reset."))
    client, queue = await client_for(stream), Queue(second := Mail(BOB, SECOND))
    with pytest.raises(ConnectionLost) as lost:
        await client.send_mail(Mail(ANN, FIRST), queue)
    assert lost.value.after_content
    assert queue.returned == [second]
    assert client.pipelined_mail is None


async def test_a_connection_lost_between_two_mails_leaves_the_second_without_doubt() -> None:
    stream = ScriptedStream(PERMITTED, b"250 first\r\n250 sen", NetworkLost("The connection was reset."))
    client, queue = await client_for(stream), Queue(second := Mail(BOB, SECOND))
    assert codes(await client.send_mail(Mail(ANN, FIRST), queue)) == [250]
    assert client.pipelined_mail is second
    with pytest.raises(ConnectionLost) as lost:
        await client.send_mail(second, queue)
    assert (lost.value.content_begun, lost.value.after_content) == (False, False)


async def test_a_421_for_the_content_returns_the_next_mail() -> None:
    stream = ScriptedStream(PERMITTED, b"421 4.3.2 shutting down\r\n")
    client, queue = await client_for(stream), Queue(second := Mail(BOB, SECOND))
    assert codes(await client.send_mail(Mail(ANN, FIRST), queue)) == [421]
    assert queue.returned == [second]
    assert not client.usable


async def test_a_slow_answer_returns_the_next_mail_and_ends_the_connection() -> None:
    stream = ScriptedStream(PERMITTED, DeadlineExceeded("Too slow."), b"250 first\r\n" + PERMITTED)
    client, queue = await client_for(stream), Queue(second := Mail(BOB, SECOND))
    assert codes(await client.send_mail(Mail(ANN, FIRST), queue)) == [250]
    assert queue.returned == [second]
    assert stream.aborted
    assert SECOND not in stream.written


async def test_the_next_envelope_follows_the_end_of_a_stream() -> None:
    stream = ScriptedStream(PERMITTED, b"250 first\r\n" + PERMITTED)
    client, queue = await client_for(stream), Queue(Mail(BOB, SECOND))

    async def content() -> AsyncIterator[bytes]:
        yield FIRST

    assert codes(await client.send_mail(Mail(ANN, content()), queue)) == [250]
    assert stream.writes[-1].startswith(b".\r\nMAIL FROM:<>")


def pool_to(server: SmtpServer, limit: int = 1) -> ConnectionPool:
    endpoint = Endpoint("127.0.0.1", server.port)
    return ConnectionPool(
        endpoint,
        PoolLimits(connections=limit),
        connect=lambda: connect(endpoint, helo_name="me.example"),
        clock=lambda: 1000.0,
    )


async def test_waiting_mails_are_sent_in_their_order() -> None:
    async with SmtpServer() as server:
        pool = pool_to(server)
        mails = [b"Subject: %d\r\n" % number for number in range(20)]
        replies = await asyncio.gather(*(pool.deliver_mail(ANN, mail) for mail in mails))
        assert [codes(each) for each in replies] == [[250]] * 20
        assert [each.content for each in server.accepted] == mails
        assert server.connections == 1
        await pool.close()


async def test_a_server_that_leaves_between_two_mails_gets_each_once() -> None:
    async with SmtpServer(
        replies={"MAIL": [Act.PROPERLY, Act.PROPERLY, Act.HANG_UP, Act.PROPERLY]}
    ) as server:
        pool = pool_to(server)
        replies = await asyncio.gather(*(pool.deliver_mail(ANN, mail) for mail in (FIRST, SECOND, THIRD)))
        assert [codes(each) for each in replies] == [[250]] * 3
        assert [each.content for each in server.seen] == [FIRST, SECOND, THIRD]
        assert server.connections == 2
        await pool.close()


async def test_a_server_that_dies_behind_the_dot_leaves_one_in_doubt_and_gets_the_other_once() -> None:
    async with SmtpServer(replies={"CONTENT": ["250 OK", Act.RESET, "250 OK"]}) as server:
        pool = pool_to(server)
        ends = await asyncio.gather(
            *(pool.deliver_mail(ANN, mail) for mail in (FIRST, SECOND, THIRD)), return_exceptions=True
        )
        assert isinstance(ends[1], ConnectionLost)
        assert ends[1].after_content
        assert [each.content for each in server.seen] == [FIRST, SECOND, THIRD]
        await pool.close()


async def test_a_mail_that_is_refused_here_fails_alone_and_the_next_goes_on() -> None:
    async with SmtpServer(keywords=("PIPELINING",)) as server:
        pool = pool_to(server)
        ends = await asyncio.gather(
            *(pool.deliver_mail(BOB, mail) for mail in (FIRST, SECOND, b"caf\xe9\r\n", THIRD)),
            return_exceptions=True,
        )
        assert isinstance(ends[2], EightBitRefused)
        assert [each.content for each in server.accepted] == [FIRST, SECOND, THIRD]
        await pool.close()


async def test_no_mail_is_pipelined_while_a_connection_may_be_opened() -> None:
    async with SmtpServer() as server:
        pool = pool_to(server, limit=4)
        await pool.deliver_mail(ANN, FIRST)
        await asyncio.gather(*(pool.deliver_mail(EVE, SECOND) for _ in range(4)))
        assert server.connections == 4
        await pool.close()


async def test_a_mail_cancelled_while_another_is_pipelined_fails_alone() -> None:
    async with SmtpServer(replies={"CONTENT": ["250 OK", Act.HOLD, "250 OK"]}) as server:
        pool = pool_to(server)
        await pool.deliver_mail(ANN, FIRST)
        server.mail_seen.clear()
        first, second, third = (
            asyncio.create_task(pool.deliver_mail(BOB, mail)) for mail in (FIRST, SECOND, THIRD)
        )
        await server.mail_seen.wait()
        first.cancel()
        assert codes(await second) == codes(await third) == [250]
        with pytest.raises(asyncio.CancelledError):
            await first
        server.released.set()
        assert [each.content for each in server.accepted] == [FIRST, SECOND, THIRD]
        await pool.close()
