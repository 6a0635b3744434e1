"""Write requests that arrive while others are being written are written together, once that is over.

This differs from other batching: each request gets an answer of its own, which may be an error, and nobody
waits for company. A request that comes alone is written at once; the busier the database, the more go
together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from shared.model.errors import MailferryError

Request = TypeVar("Request")
Answer = TypeVar("Answer")

LONGEST_HOLD_UP = 1.0
"""Seconds that the next group waits for the one before, which may be held up by a row that another process
has locked."""
LARGEST_GROUP = 1000
"""The weight up to which requests are written together. More would gain nothing, and have all of them wait
longer for their answer."""


class RequestCoalescer(Generic[Request, Answer]):
    """Calls `write` with a group of requests; it returns an answer for each, or the error to raise for it.

    `weight` says how large a request is. An error of Mailferry that `write` raises goes to every request of
    the group. After any other error each request is written by itself, so that it meets the one that caused
    it.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Request]], Awaitable[Sequence[Answer | MailferryError]]],
        weight: Callable[[Request], int],
    ) -> None:
        self._write = write
        self._weight = weight
        self._pending: list[_Pending[Request]] = []
        self._writer: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def submit(self, request: Request) -> Answer:
        """Return the answer to this request, once it is durable."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(request, answer))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_groups(), name="coalesced writes")
        return await answer

    async def finish(self) -> None:
        """Return when every request is answered."""
        if self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _write_groups(self) -> None:
        while group := self._next_group():
            writing = asyncio.create_task(self._write_group(group), name="coalesced write")
            self._under_way.add(writing)
            writing.add_done_callback(self._under_way.discard)
            await asyncio.wait([writing], timeout=LONGEST_HOLD_UP)

    def _next_group(self) -> list[_Pending[Request]]:
        """The oldest requests up to `LARGEST_GROUP`; those whose caller was cancelled are dropped."""
        self._pending = [each for each in self._pending if not each.answer.done()]
        weight = count = 0
        while count < len(self._pending) and weight < LARGEST_GROUP:
            weight += self._weight(self._pending[count].request)
            count += 1
        group, self._pending = self._pending[:count], self._pending[count:]
        return group

    async def _write_group(self, group: Sequence[_Pending[Request]]) -> None:
        try:
            answers = await self._write([each.request for each in group])
        except asyncio.CancelledError:
            for each in group:
                each.answer.cancel()
            raise
        except MailferryError as error:
            answers = [error] * len(group)
        except Exception as error:  # noqa: BLE001 - the caller gets it, and the next request may succeed
            if len(group) > 1:
                for each in group:
                    await self._write_group([each])
            else:
                group[0].fail(error)
            return
        for each, answer in zip(group, answers, strict=True):
            each.settle(answer)


class _Pending(NamedTuple, Generic[Request]):
    """A request and the future of its answer; its caller may have been cancelled."""

    request: Request
    answer: asyncio.Future[Any]

    def settle(self, answer: object) -> None:
        if isinstance(answer, MailferryError):
            self.fail(answer)
        elif not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
