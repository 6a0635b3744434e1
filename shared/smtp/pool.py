"""Connections to one target: at most so many, kept while they are good, and never trusted blindly.

Mails that come while all connections are in use wait in line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.model.endpoint import Endpoint
from shared.smtp.carrier import Carrier
from shared.smtp.client import SmtpClient
from shared.smtp.envelope import Envelope, RecipientReply
from shared.smtp.line import Line, Waiting
from shared.smtp.link import Link
from shared.smtp.mail import Content


@dataclass(frozen=True, slots=True)
class Usage:
    """How connections are used: at most `limit` of them exist at any moment.

    One is given up after `idle` seconds without a mail, after `mails`, and after `age` seconds, which lets
    load balancers and memory leaks on the other side have their way. Nobody waits longer than `patience`
    seconds for his turn.
    """

    limit: int
    idle: float = 20.0
    mails: int = 1000
    age: float = 300.0
    patience: float | None = None


class ConnectionPool:
    """`connect` opens a connection to `target`; `clock` gives monotonic seconds."""

    def __init__(
        self,
        target: Endpoint,
        usage: Usage,
        *,
        connect: Callable[[], Awaitable[SmtpClient]],
        clock: Callable[[], float],
    ) -> None:
        self.usage = usage
        self.clock = clock
        self.line = Line(str(target), usage.patience)
        self._connect = connect
        self._idle: list[Link] = []
        self._carriers: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._closed = False

    @property
    def idle(self) -> int:
        """How many connections are kept and not in use."""
        return len(self._idle)

    @property
    def crowded(self) -> bool:
        """Whether mails wait for whom no connection is meant yet."""
        return len(self.line) > self._starting

    async def send(self, envelope: Envelope, content: Content) -> Sequence[RecipientReply]:
        """The reply that decided about each recipient, in the order of the envelope.

        Raises what `connect` and `Courier.carry` raise, and `NoConnectionFree`.
        """
        loop = asyncio.get_running_loop()
        mail = Waiting(envelope, content, loop)
        self.line.join(mail)
        self._serve(loop)
        try:
            return await mail.end
        except asyncio.CancelledError:
            self.line.leave(mail)
            if mail.carrier is not None:
                mail.carrier.cancel()
            raise

    async def opened(self) -> Link:
        """A fresh connection; those that nobody needs any more are closed before, so that there is room."""
        if self._idle:
            await self.close_idle()
        return Link(await self._connect(), born=self.clock())

    def kept(self) -> Link | None:
        """The connection that was used last, so that those not needed grow old and are closed."""
        oldest = self.clock() - self.usage.idle
        return self._idle.pop() if self._idle and self._idle[-1].idle_since > oldest else None

    async def leave(self, link: Link) -> None:
        """Keep a connection for later, or part with it."""
        if not link.client.usable:
            link.client.abort()
        elif self._closed or self.worn(link):
            await link.client.quit()
        else:
            link.idle_since = self.clock()
            self._idle.append(link)

    def worn(self, link: Link) -> bool:
        """Whether a connection has done enough."""
        return link.client.courier.mails >= self.usage.mails or self.clock() - link.born >= self.usage.age

    async def close_idle(self) -> None:
        """Close what was idle for too long; to be called now and then."""
        oldest = self.clock() - self.usage.idle
        expired = [link for link in self._idle if link.idle_since <= oldest]
        self._idle = [link for link in self._idle if link.idle_since > oldest]
        await _quit_all(expired)

    async def close(self) -> None:
        """Close all idle connections now, and those in use as soon as nobody waits for them."""
        self._closed = True
        idle, self._idle = self._idle, []
        await _quit_all(idle)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that somebody serves those who wait."""
        if self.crowded and len(self._carriers) < self.usage.limit:
            self._starting += 1
            carrier = loop.create_task(self._carry())
            self._carriers.add(carrier)
            carrier.add_done_callback(self._carried)
        elif self.crowded:
            self.line.watch(loop)

    async def _carry(self) -> None:
        self._starting -= 1
        await Carrier(self).run()

    def _carried(self, carrier: asyncio.Task[None]) -> None:
        self._carriers.discard(carrier)
        self._serve(carrier.get_loop())


async def _quit_all(links: Sequence[Link]) -> None:
    await asyncio.gather(*(link.client.quit() for link in links))
