"""The connections to one target: a bounded number, kept for further mails.

Mails that come while all connections are in use wait in line. A server may close a kept connection unnoticed.
The next mail finds that out, and is sent again over a fresh connection: once, and only if nothing of its
content was sent, so that there is no duplicate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import cast

from shared.model.endpoint import Endpoint
from shared.smtp.client import PROMPT_ANSWER, PipelinedMail, SmtpClient
from shared.smtp.envelope import Content, Envelope, Mail, Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, RefusedHere
from shared.smtp.waiting_line import WaitingLine, WaitingMail


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """At most `connections` exist at any moment.

    A connection is closed after `idle` seconds without a mail, after `mails` mails, and after `age` seconds:
    so load balancers can move it, and leaks on the other side end. No mail waits longer than `longest_wait`
    seconds for a connection.
    """

    connections: int
    idle: float = 20.0
    mails: int = 1000
    age: float = 300.0
    longest_wait: float | None = None


@dataclass(slots=True, eq=False)
class PooledConnection:
    """A client with its times in monotonic seconds. `prompt`: the last mail was answered without delay."""

    client: SmtpClient
    opened_at: float
    idle_since: float = 0.0
    prompt: bool = False


class ConnectionPool:
    """`connect` opens a connection to `target`; `clock` gives monotonic seconds."""

    def __init__(
        self,
        target: Endpoint,
        limits: PoolLimits,
        *,
        connect: Callable[[], Awaitable[SmtpClient]],
        clock: Callable[[], float],
    ) -> None:
        self.line = WaitingLine(str(target), limits.longest_wait)
        self._limits = limits
        self.clock = clock
        self._connect = connect
        self._idle: list[PooledConnection] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._starting_workers = 0
        self._closed = False
        self._mails: dict[WaitingMail, float] = {}

    @property
    def idle(self) -> int:
        """The number of connections that are kept and not in use."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """The number of connections that are in use or being opened."""
        return len(self._workers)

    @property
    def mails(self) -> int:
        """The number of mails that wait or are being sent."""
        return len(self._mails)

    @property
    def is_unused(self) -> bool:
        """Whether it has neither a connection nor a mail."""
        return not (self._idle or self._mails or self._workers)

    @property
    def oldest_age(self) -> float:
        """Seconds since the oldest of these mails came: about as long as the next one will need."""
        oldest = next(iter(self._mails.values()), None)
        return 0.0 if oldest is None else self.clock() - oldest

    @property
    def needs_worker(self) -> bool:
        """Whether mails wait for which no worker is starting."""
        return len(self.line) > self._starting_workers

    async def deliver_mail(self, envelope: Envelope, content: Content) -> Sequence[RecipientReply]:
        """Send a mail; return the reply that decided about each recipient, in the envelope's order.

        Raises what `connect` and `SmtpClient.send_mail` raise, and `NoConnectionFree`.
        """
        loop = asyncio.get_running_loop()
        mail = WaitingMail(envelope, content, loop)
        self._mails[mail] = self.clock()
        self.line.add_mail(mail)
        self._start_worker(loop)
        try:
            return await mail.result
        except asyncio.CancelledError:
            self.line.remove_mail(mail)
            if mail.worker is not None:
                mail.worker.cancel()
            raise
        finally:
            del self._mails[mail]

    async def open_connection(self) -> PooledConnection:
        """Open a connection, after closing those that were idle for too long, so that there is room."""
        if self._idle:
            await self.close_idle_connections()
        return PooledConnection(await self._connect(), opened_at=self.clock())

    def take_idle(self) -> PooledConnection | None:
        """Take the connection that was used last, so that those not needed grow old and are closed."""
        oldest = self.clock() - self._limits.idle
        return self._idle.pop() if self._idle and self._idle[-1].idle_since > oldest else None

    async def release_connection(self, connection: PooledConnection) -> None:
        """Keep a connection for later, or close it."""
        if not connection.client.usable:
            connection.client.abort()
        elif self._closed or self.is_used_up(connection):
            await connection.client.quit()
        else:
            connection.idle_since = self.clock()
            self._idle.append(connection)

    def is_used_up(self, connection: PooledConnection) -> bool:
        """Whether a connection has carried enough mails or is old enough to be closed."""
        limits = self._limits
        return (
            connection.client.mails_begun >= limits.mails or self.clock() - connection.opened_at >= limits.age
        )

    async def close_idle_connections(self) -> None:
        """Close the connections that were idle for too long; to be called now and then."""
        oldest = self.clock() - self._limits.idle
        expired = [each for each in self._idle if each.idle_since <= oldest]
        self._idle = [each for each in self._idle if each.idle_since > oldest]
        await _quit_all(expired)

    async def close(self) -> None:
        """Close all idle connections now, and those in use as soon as no mail waits for them."""
        self._closed = True
        idle, self._idle = self._idle, []
        await _quit_all(idle)

    def _start_worker(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start a worker for the waiting mails, or limit their wait if all connections are in use."""
        if self.needs_worker and len(self._workers) < self._limits.connections:
            self._starting_workers += 1
            worker = loop.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._worker_ended)
        elif self.needs_worker:
            self.line.limit_waits(loop)

    async def _work(self) -> None:
        self._starting_workers -= 1
        await PoolWorker(self).run()

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        self._start_worker(worker.get_loop())


class PoolWorker:
    """Sends the waiting mails of a pool, one after the other, over one connection at a time."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._connection: PooledConnection | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Send until no mail waits. Raises nothing: errors are the result of their mail."""
        self._task = asyncio.current_task()
        mail = self._pool.line.next_mail()
        try:
            while mail is not None:
                await self._send_mail(mail)
                mail = self._pipelined_mail() or self._pool.line.next_mail()
        except asyncio.CancelledError:
            self._abort()
            raise
        if self._connection is not None:
            await self._pool.release_connection(self._connection)

    def next_mail(self, client: SmtpClient) -> PipelinedMail | None:
        """See `UpcomingMails`: a mail that would have to wait anyway, if the target answers promptly."""
        pool, connection = self._pool, self._connection
        while (
            connection is not None
            and connection.prompt
            and pool.needs_worker
            and not pool.is_used_up(connection)
        ):
            mail = pool.line.next_mail()
            if mail is None:
                return None
            if client.needs_new_session(mail):
                pool.line.return_mail(mail)
                return None
            try:
                transaction = client.plan_transaction(mail)
            except RefusedHere as refused:
                mail.set_error(refused)
                continue
            if transaction.commands:
                return PipelinedMail(mail, transaction)
            mail.set_replies(transaction.outcome)
        return None

    def return_mail(self, mail: Mail) -> None:
        """See `UpcomingMails`."""
        self._pool.line.return_mail(cast(WaitingMail, mail))  # only those are ever given out

    async def _send_mail(self, mail: WaitingMail) -> None:
        mail.worker = self._task
        try:
            replies = await self._deliver_mail(mail)
        except Exception as error:  # noqa: BLE001 - it is the result of the mail
            mail.set_error(error)
        else:
            mail.set_replies(replies)
        mail.worker = None
        connection = self._connection
        if connection is None or connection.client.pipelined_mail is not None:
            return
        if not connection.client.usable or self._pool.is_used_up(connection):
            self._connection = None
            await self._pool.release_connection(connection)

    async def _deliver_mail(self, mail: WaitingMail) -> Sequence[RecipientReply]:
        """Send a mail over the kept connection, or over a fresh one if the server has closed that."""
        connection = self._connection = self._connection or self._pool.take_idle()
        if connection is not None:
            replies = await self._deliver_over_kept(connection, mail)
            if replies is not None:
                return replies
            connection.client.abort()
            self._connection = None
        self._connection = await self._pool.open_connection()
        return await self._send_over(self._connection, mail)

    async def _deliver_over_kept(
        self, connection: PooledConnection, mail: WaitingMail
    ) -> Sequence[RecipientReply] | None:
        """Return None if the server closed the connection before the content, or answered MAIL with 421."""
        try:
            replies = await self._send_over(connection, mail)
        except ConnectionLost as lost:
            if lost.content_begun:
                raise
            return None
        hung_up = all(each.phase is Phase.MAIL and each.reply.code == 421 for each in replies)
        return None if hung_up else replies

    async def _send_over(self, connection: PooledConnection, mail: WaitingMail) -> Sequence[RecipientReply]:
        """Send a mail, and note whether it was answered promptly."""
        began = self._pool.clock()
        replies = await connection.client.send_mail(mail, self)
        connection.prompt = self._pool.clock() - began < PROMPT_ANSWER
        return replies

    def _pipelined_mail(self) -> WaitingMail | None:
        connection = self._connection
        return None if connection is None else cast("WaitingMail | None", connection.client.pipelined_mail)

    def _abort(self) -> None:
        """Close the connection, as its mail was cancelled; the pipelined mail goes by another connection."""
        pipelined = self._pipelined_mail()
        if pipelined is not None:
            self.return_mail(pipelined)
        if self._connection is not None:
            self._connection.client.abort()


async def _quit_all(connections: Sequence[PooledConnection]) -> None:
    await asyncio.gather(*(each.client.quit() for each in connections))
