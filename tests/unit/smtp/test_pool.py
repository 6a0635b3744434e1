from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.model.endpoint import Endpoint
from shared.net.errors import ConnectFailed
from shared.smtp.client import SmtpClient, connect
from shared.smtp.envelope import Envelope
from shared.smtp.errors import ConnectionLost, NoConnectionFree, SizeRefused
from shared.smtp.pool import ConnectionPool, PoolLimits
from tests.fakes.smtp_server import Act, SmtpServer

MAIL = b"Subject: x\r\n\r\nHello\r\n"
TO_BOB = Envelope("alice@example.org", ("bob@corp.example",))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pool_to(
    server: SmtpServer,
    *,
    limit: int = 1,
    clock: Clock | None = None,
    mails_per_connection: int = 1000,
    connector: Callable[[], Awaitable[SmtpClient]] | None = None,
    patience: float | None = None,
) -> ConnectionPool:
    endpoint = Endpoint("127.0.0.1", server.port)
    return ConnectionPool(
        endpoint,
        PoolLimits(connections=limit, idle=20, mails=mails_per_connection, longest_wait=patience),
        connect=connector or (lambda: connect(endpoint, helo_name="me.example")),
        clock=clock or Clock(),
    )


async def test_a_connection_is_kept_and_used_again() -> None:
    async with SmtpServer() as server:
        pool = pool_to(server)
        for _ in range(3):
            await pool.deliver_mail(TO_BOB, MAIL)
        assert (server.connections, len(server.accepted), pool.idle) == (1, 3, 1)
        await pool.close()
        assert server.commands[-1] == "QUIT"


async def test_never_more_connections_than_the_limit() -> None:
    async with SmtpServer() as server:
        pool = pool_to(server, limit=3)
        await asyncio.gather(*(pool.deliver_mail(TO_BOB, MAIL) for _ in range(30)))
        assert server.connections == 3
        assert len(server.accepted) == 30
        await pool.close()


async def test_a_mail_that_waited_too_long_is_not_sent() -> None:
    async with SmtpServer(replies={"CONTENT": Act.SILENCE}) as server:
        pool = pool_to(server, patience=0.01)
        blocking = asyncio.create_task(pool.deliver_mail(TO_BOB, MAIL))
        await server.mail_seen.wait()
        with pytest.raises(NoConnectionFree, match="in use for"):
            await pool.deliver_mail(TO_BOB, MAIL)
        assert server.accepted == []
        blocking.cancel()
        del server.script["CONTENT"]
        await pool.deliver_mail(TO_BOB, MAIL)
        assert len(server.accepted) == 1
        await pool.close()


async def test_a_connection_is_given_up_after_so_many_mails() -> None:
    async with SmtpServer() as server:
        pool = pool_to(server, mails_per_connection=2)
        for _ in range(5):
            await pool.deliver_mail(TO_BOB, MAIL)
        assert server.connections == 3
        assert server.commands.count("QUIT") == 2
        await pool.close()


async def test_an_idle_connection_is_closed_when_its_time_is_up() -> None:
    async with SmtpServer() as server:
        clock = Clock()
        pool = pool_to(server, clock=clock)
        await pool.deliver_mail(TO_BOB, MAIL)
        clock.now += 19
        await pool.close_idle_connections()
        assert pool.idle == 1
        clock.now += 1
        await pool.close_idle_connections()
        assert pool.idle == 0
        assert server.commands[-1] == "QUIT"


async def test_a_connection_that_was_idle_too_long_is_not_used_any_more() -> None:
    async with SmtpServer() as server:
        clock = Clock()
        pool = pool_to(server, clock=clock)
        await pool.deliver_mail(TO_BOB, MAIL)
        clock.now += 3600
        await pool.deliver_mail(TO_BOB, MAIL)
        assert server.connections == 2
        begun = [command.split()[0] for command in server.commands]
        assert begun.index("QUIT") < begun.index("EHLO", 1)
        await pool.close()


async def test_a_kept_connection_that_died_unseen_is_replaced_and_the_mail_sent_once() -> None:
    async with SmtpServer() as server:
        pool = pool_to(server)
        await pool.deliver_mail(TO_BOB, MAIL)
        await server.hang_up()
        (reply,) = await pool.deliver_mail(TO_BOB, MAIL)
        assert reply.reply.positive
        assert (server.connections, len(server.seen)) == (2, 2)
        await pool.close()


async def test_a_streamed_mail_is_sent_whole_after_a_kept_connection_died_unseen() -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield MAIL

    async with SmtpServer() as server:
        pool = pool_to(server)
        await pool.deliver_mail(TO_BOB, MAIL)
        await server.hang_up()
        await pool.deliver_mail(TO_BOB, stream())
        assert [mail.content for mail in server.accepted] == [MAIL, MAIL]
        await pool.close()


async def test_a_kept_connection_that_says_421_for_a_goodbye_is_replaced() -> None:
    async with SmtpServer(replies={"MAIL": ["250 OK", "421 4.4.2 idle too long", "250 OK"]}) as server:
        server.script["RCPT"] = ["550 5.1.1 unknown"]
        pool = pool_to(server)
        for _ in range(2):
            (reply,) = await pool.deliver_mail(TO_BOB, MAIL)
            assert reply.reply.code == 550
        assert server.connections == 2
        await pool.close()


async def test_a_421_on_a_fresh_connection_is_the_answer() -> None:
    async with SmtpServer(replies={"MAIL": "421 4.3.2 not now"}) as server:
        pool = pool_to(server)
        (reply,) = await pool.deliver_mail(TO_BOB, MAIL)
        assert reply.reply.code == 421
        assert server.connections == 1
        assert pool.idle == 0


async def test_a_mail_is_not_sent_again_once_its_content_was_begun() -> None:
    async with SmtpServer() as server:
        pool = pool_to(server)
        await pool.deliver_mail(TO_BOB, MAIL)
        server.script["CONTENT"] = [Act.HANG_UP]
        with pytest.raises(ConnectionLost) as caught:
            await pool.deliver_mail(TO_BOB, MAIL)
        assert caught.value.after_content
        assert len(server.seen) == 2
        assert pool.idle == 0


async def test_a_fresh_connection_that_dies_is_not_tried_again() -> None:
    async with SmtpServer(replies={"MAIL": Act.HANG_UP}) as server:
        pool = pool_to(server)
        with pytest.raises(ConnectionLost):
            await pool.deliver_mail(TO_BOB, MAIL)
        assert server.connections == 1


async def test_a_mail_refused_here_leaves_the_connection_in_use() -> None:
    async with SmtpServer(keywords=("PIPELINING", "SIZE 10")) as server:
        pool = pool_to(server)
        with pytest.raises(SizeRefused):
            await pool.deliver_mail(TO_BOB, MAIL)
        assert pool.idle == 1
        await pool.close()


async def test_a_connection_left_in_the_middle_of_a_mail_is_thrown_away() -> None:
    async with SmtpServer(replies={"CONTENT": Act.SILENCE}) as server:
        pool = pool_to(server)
        sending = asyncio.create_task(pool.deliver_mail(TO_BOB, MAIL))
        await server.mail_seen.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert pool.idle == 0
        del server.script["CONTENT"]
        await pool.deliver_mail(TO_BOB, MAIL)
        assert server.connections == 2
        await pool.close()


async def test_a_failed_connect_does_not_count_as_a_connection() -> None:
    attempts = 0

    async def failing() -> SmtpClient:
        nonlocal attempts
        attempts += 1
        raise ConnectFailed("Nobody is there.")

    async with SmtpServer() as server:
        pool = pool_to(server, connector=failing)
        for _ in range(3):
            with pytest.raises(ConnectFailed):
                await pool.deliver_mail(TO_BOB, MAIL)
        assert attempts == 3


async def test_a_closed_pool_keeps_nothing() -> None:
    async with SmtpServer(replies={"CONTENT": Act.HOLD}) as server:
        pool = pool_to(server)
        sending = asyncio.create_task(pool.deliver_mail(TO_BOB, MAIL))
        await server.mail_seen.wait()
        await pool.close()
        server.released.set()
        await sending
        await server.quit_seen.wait()
        assert pool.idle == 0


async def test_a_connection_is_given_up_when_it_is_old() -> None:
    async with SmtpServer() as server:
        clock = Clock()
        pool = pool_to(server, clock=clock)
        for _ in range(3):
            await pool.deliver_mail(TO_BOB, MAIL)
            clock.now += 200
        assert server.connections == 3
        await pool.close()
