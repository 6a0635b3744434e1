"""Connections to one target: at most so many, kept while they are good, and never trusted blindly.

A server may close a kept connection while nobody looks. That is found out on the next mail; it is sent again
over a fresh connection, once, and only if nothing of its content had left: never twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from shared.model.endpoint import Endpoint
from shared.smtp.client import SmtpClient
from shared.smtp.envelope import Envelope, Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, NoConnectionFree


class ConnectionPool:
    """`connect` opens a connection to `target`, at most `limit` of them exist at any moment.

    `clock` gives monotonic seconds. A connection is given up after `idle_seconds` without a mail and after
    `mails_per_connection`, which lets load balancers and memory leaks on the other side have their way.
    Nobody waits longer than `patience` seconds for his turn.
    """

    def __init__(
        self,
        target: Endpoint,
        *,
        limit: int,
        connect: Callable[[], Awaitable[SmtpClient]],
        clock: Callable[[], float],
        idle_seconds: float = 20.0,
        mails_per_connection: int = 1000,
        patience: float | None = None,
    ) -> None:
        self.target = target
        self._connect = connect
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._mails_per_connection = mails_per_connection
        self._slots = asyncio.Semaphore(limit)
        self._patience = patience
        self._idle: list[tuple[float, SmtpClient]] = []
        self._closed = False

    @property
    def idle(self) -> int:
        """How many connections are kept and not in use."""
        return len(self._idle)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[SmtpClient]:
        """A connection, kept or fresh, for the block alone; a broken one is thrown away behind it.

        Waits while `limit` connections are in use. Raises what `connect` raises, and `NoConnectionFree`.
        """
        async with self._turn():
            client = await self._kept() or await self._connect()
            try:
                yield client
            finally:
                await self._give_back(client)

    async def send(
        self, envelope: Envelope, content: bytes | AsyncIterable[bytes]
    ) -> Sequence[RecipientReply]:
        """`SmtpClient.send` over any connection; raises what that and `connection` raise."""
        async with self._turn():
            client = await self._kept()
            if client is not None:
                replies = await self._send_over_kept(client, envelope, content)
                if replies is not None:
                    return replies
            return await self._send_over(await self._connect(), envelope, content)

    async def close_idle(self) -> None:
        """Close what was idle for too long; to be called now and then."""
        expiry = self._clock() - self._idle_seconds
        expired = [client for since, client in self._idle if since <= expiry]
        self._idle = [(since, client) for since, client in self._idle if since > expiry]
        await _quit_all(expired)

    async def close(self) -> None:
        """Close all idle connections now, and those in use as soon as they are given back."""
        self._closed = True
        idle, self._idle = self._idle, []
        await _quit_all([client for _, client in idle])

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                await self._slots.acquire()
        except TimeoutError:
            raise NoConnectionFree(
                f"All connections to {self.target} were in use for {self._patience:g} seconds."
            ) from None
        try:
            yield
        finally:
            self._slots.release()

    async def _kept(self) -> SmtpClient | None:
        """The connection that was used last, so that those not needed grow old and are closed."""
        if self._idle:
            await self.close_idle()
        return self._idle.pop()[1] if self._idle else None

    async def _send_over(
        self, client: SmtpClient, envelope: Envelope, content: bytes | AsyncIterable[bytes]
    ) -> Sequence[RecipientReply]:
        try:
            return await client.send(envelope, content)
        finally:
            await self._give_back(client)

    async def _send_over_kept(
        self, client: SmtpClient, envelope: Envelope, content: bytes | AsyncIterable[bytes]
    ) -> Sequence[RecipientReply] | None:
        """None: the server had left before the mail began, by closing or with a 421 for a goodbye."""
        try:
            replies = await self._send_over(client, envelope, content)
        except ConnectionLost as lost:
            if lost.content_begun:
                raise
            return None
        said_goodbye = all(each.phase is Phase.MAIL and each.reply.code == 421 for each in replies)
        return None if said_goodbye else replies

    async def _give_back(self, client: SmtpClient) -> None:
        if not client.usable:
            client.abort()
        elif self._closed or client.mails >= self._mails_per_connection:
            await client.quit()
        else:
            self._idle.append((self._clock(), client))


async def _quit_all(clients: Sequence[SmtpClient]) -> None:
    await asyncio.gather(*(client.quit() for client in clients))
