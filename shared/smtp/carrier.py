"""Serves those who wait in a pool's line, one mail after the other, over one connection at a time.

A server may close a kept connection while nobody looks. That is found out on the next mail; it is sent again
over a fresh connection, once, and only if nothing of its content had left: never twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from shared.smtp.courier import PROMPT, Ahead, Courier
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, RefusedHere
from shared.smtp.line import Line, Waiting
from shared.smtp.link import Link
from shared.smtp.mail import Mail


class Pool(Protocol):
    """What a carrier needs of its pool."""

    @property
    def line(self) -> Line:
        """Who waits."""

    @property
    def crowded(self) -> bool:
        """Whether mails wait for whom no connection is meant yet."""

    @property
    def clock(self) -> Callable[[], float]:
        """Monotonic seconds."""

    async def opened(self) -> Link:
        """A fresh connection."""

    def kept(self) -> Link | None:
        """A connection that was used before, if there is one."""

    def worn(self, link: Link) -> bool:
        """Whether a connection has done enough."""

    async def leave(self, link: Link) -> None:
        """Keep a connection for later, or part with it."""


class Carrier:
    """Serves until nobody waits."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve. Raises nothing: the end of each mail, errors included, is told to who waits for it."""
        self._task = asyncio.current_task()
        mail = self._pool.line.next()
        try:
            while mail is not None:
                await self._serve(mail)
                mail = self._ahead() or self._pool.line.next()
        except asyncio.CancelledError:
            self._drop()
            raise
        if self._link is not None:
            await self._pool.leave(self._link)

    async def _serve(self, mail: Waiting) -> None:
        mail.carrier = self._task
        try:
            replies = await self._carry(mail)
        except Exception as error:  # noqa: BLE001 - told to who waits for the mail
            mail.fail(error)
        else:
            mail.settle(replies)
        mail.carrier = None
        link = self._link
        if link is None or link.client.courier.ahead is not None:
            return
        if not link.client.usable or self._pool.worn(link):
            self._link = None
            await self._pool.leave(link)

    async def _carry(self, mail: Waiting) -> Sequence[RecipientReply]:
        link = self._link = self._link or self._pool.kept()
        if link is not None:
            replies = await self._carry_over_kept(link, mail)
            if replies is not None:
                return replies
            link.client.abort()
            self._link = None
        self._link = await self._pool.opened()
        return await self._carry_over(self._link, mail)

    async def _carry_over_kept(self, link: Link, mail: Waiting) -> Sequence[RecipientReply] | None:
        """None: the server had left before the mail began, by closing or with a 421 for a goodbye."""
        try:
            replies = await self._carry_over(link, mail)
        except ConnectionLost as lost:
            if lost.content_begun:
                raise
            return None
        said_goodbye = all(each.phase is Phase.MAIL and each.reply.code == 421 for each in replies)
        return None if said_goodbye else replies

    async def _carry_over(self, link: Link, mail: Waiting) -> Sequence[RecipientReply]:
        began = self._pool.clock()
        replies = await link.client.courier.carry(mail, self)
        link.prompt = self._pool.clock() - began < PROMPT
        return replies

    def next(self, courier: Courier) -> Ahead | None:
        """See `Upcoming`: somebody who would have to wait anyway, if the target is quick."""
        pool, link = self._pool, self._link
        while link is not None and link.prompt and pool.crowded and not pool.worn(link):
            mail = pool.line.next()
            if mail is None:
                return None
            if courier.stands_apart(mail):
                self.give_back(mail)
                return None
            try:
                transaction = courier.take(mail)
            except RefusedHere as refused:
                mail.fail(refused)
                continue
            if transaction.commands:
                return Ahead(mail, transaction)
            mail.settle(transaction.outcome)
        return None

    def give_back(self, mail: Mail) -> None:
        """See `Upcoming`."""
        self._pool.line.give_back(cast(Waiting, mail))  # only those are ever given out

    def _ahead(self) -> Waiting | None:
        return cast("Waiting | None", self._link.client.courier.ahead) if self._link is not None else None

    def _drop(self) -> None:
        """Somebody does not wait for the end of his mail: the connection is of no use, others are."""
        ahead = self._ahead()
        if ahead is not None:
            self.give_back(ahead)
        if self._link is not None:
            self._link.client.abort()
