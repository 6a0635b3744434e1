"""Requests that come while others are being written are written together, once that is over.

Nobody waits for company: who comes alone is served at once. The busier the database, the more go together.
Who is held up, by a row that somebody else holds, holds up those behind him for `PATIENCE` at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from shared.model.errors import MailferryError

Asked = TypeVar("Asked")
Told = TypeVar("Told")

PATIENCE = 1.0
"""Seconds that the next group waits for the one before."""
ENOUGH = 1000
"""As much is written at a time, by weight: more would gain nothing, and keep those who wait for long."""


class RequestCoalescer(Generic[Asked, Told]):
    """Calls `write` with what was asked for meanwhile; it returns an answer to each request, which may be
    the error to raise for that one.

    `weight` says how large a request is. An error raised by `write` is everybody's if it is one of
    Mailferry's; with any other each request is written by itself, so that it meets who caused it.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Asked]], Awaitable[Sequence[Told | MailferryError]]],
        weight: Callable[[Asked], int],
    ) -> None:
        self._write = write
        self._weight = weight
        self._waiting: list[_Waiting[Asked]] = []
        self._leading: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, asked: Asked) -> Told:
        """The answer to this request, once it is durable."""
        answer: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(asked, answer))
        if self._leading is None or self._leading.done():
            self._leading = asyncio.create_task(self._write_all(), name="gathered writes")
        return await answer

    async def finish(self) -> None:
        """Return when all that was asked for is answered."""
        if self._leading is not None and not self._leading.done():
            await asyncio.wait([self._leading])
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _write_all(self) -> None:
        while group := self._next():
            writing = asyncio.create_task(self._write_together(group), name="gathered write")
            self._under_way.add(writing)
            writing.add_done_callback(self._under_way.discard)
            await asyncio.wait([writing], timeout=PATIENCE)

    def _next(self) -> list[_Waiting[Asked]]:
        """The oldest requests, as many as are enough; those whose asker has gone are dropped."""
        self._waiting = [each for each in self._waiting if not each.answer.done()]
        weight = count = 0
        while count < len(self._waiting) and weight < ENOUGH:
            weight += self._weight(self._waiting[count].asked)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    async def _write_together(self, group: Sequence[_Waiting[Asked]]) -> None:
        try:
            answers = await self._write([each.asked for each in group])
        except asyncio.CancelledError:
            for each in group:
                each.answer.cancel()
            raise
        except MailferryError as error:
            answers = [error] * len(group)
        except Exception as error:  # noqa: BLE001 - whoever asked has to hear of it, and the next may fare better
            if len(group) > 1:
                for each in group:
                    await self._write_together([each])
            else:
                group[0].fail(error)
            return
        for each, answer in zip(group, answers, strict=True):
            each.tell(answer)


class _Waiting(NamedTuple, Generic[Asked]):
    """A request, and where its answer is awaited; whoever asked may have gone meanwhile."""

    asked: Asked
    answer: asyncio.Future[Any]

    def tell(self, answer: object) -> None:
        if isinstance(answer, MailferryError):
            self.fail(answer)
        elif not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
