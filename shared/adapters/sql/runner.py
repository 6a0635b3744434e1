"""Runs the transactions of the adapters that make up the store."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from shared.adapters.sql.calls import CLOSING
from shared.adapters.sql.request_coalescer import RequestCoalescer
from shared.adapters.sql.unit_of_work import DoubtCount, Transaction
from shared.model.errors import MailferryError
from shared.ports.store import StoreUnavailable

Given = ParamSpec("Given")
Result = TypeVar("Result")
Request = TypeVar("Request")
Change = Callable[[Transaction], Result]

RECENT = 30.0
"""Seconds for which a write that failed counts: longer than any caller waits before it tries again."""


class Transactions(Protocol):
    """Runs functions in transactions of one database, off the event loop.

    Each transaction costs one hop to a thread, however many statements it takes.
    """

    async def write(self, change: Change[Result]) -> Result:
        """Return what `change` returns, once it is durable; nothing of it happened when this raises.

        `change` may be run again after a conflict, so it has no effect other than on the database.
        """
        ...

    async def read(self, query: Change[Result]) -> Result:
        """Return what `query` returns. It sees the state of one moment and changes only temporary tables."""
        ...

    async def close(self, within: float = CLOSING) -> None:
        """Finish what is under way and give the connections back; leave behind what takes longer."""
        ...


class TransactionRunner:
    """Runs transactions, and remembers whether the latest write failed.

    A look at the database does not show that it cannot be written to: its disk is full, or it may only be
    read. `on_doubts` is called with the number of attempts whose end nobody saw, `on_end` with the seconds
    that a transaction took, its wait included. `under_way` counts those that run or wait. `clock` gives
    monotonic seconds.
    """

    def __init__(self, transactions: Transactions, clock: Callable[[], float] = time.monotonic) -> None:
        self._transactions = transactions
        self._clock = clock
        self._failure: tuple[float, StoreUnavailable] | None = None
        self._coalescers: list[RequestCoalescer[Any, Any]] = []
        self.on_doubts: Callable[[int], None] = _ignore
        self.on_end: Callable[[float], None] = _ignore
        self.under_way = 0

    @property
    def failure(self) -> StoreUnavailable | None:
        """Why the latest write failed, if that was recently."""
        if self._failure is None or self._clock() - self._failure[0] > RECENT:
            return None
        return self._failure[1]

    async def write(
        self,
        change: Callable[Concatenate[Transaction, Given], Result],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Result:
        """Return what `change` returns for a transaction and these arguments, see `Transactions.write`."""
        try:
            with self._measured():
                result = await self._transactions.write(_bound(change, given, named))
        except StoreUnavailable as error:
            self._failure = (self._clock(), error)
            raise
        self._failure = None
        return result

    async def write_counting_doubts(
        self,
        change: Callable[Concatenate[Transaction, DoubtCount, Given], Result],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Result:
        """Make a change that may find attempts in doubt; call `on_doubts` once it is durable."""

        @wraps(change)
        def counting(transaction: Transaction) -> tuple[Result, int]:
            doubts = DoubtCount()
            return change(transaction, doubts, *given, **named), doubts.count

        result, doubts = await self.write(counting)
        if doubts:
            self.on_doubts(doubts)
        return result

    async def read(
        self,
        query: Callable[Concatenate[Transaction, Given], Result],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Result:
        """Return what `query` returns for a transaction and these arguments, see `Transactions.read`."""
        with self._measured():
            return await self._transactions.read(_bound(query, given, named))

    @contextmanager
    def _measured(self) -> Iterator[None]:
        began = self._clock()
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            self.on_end(self._clock() - began)

    def coalescer(
        self,
        write: Callable[[Sequence[Request]], Awaitable[Sequence[Result | MailferryError]]],
        weight: Callable[[Request], int],
    ) -> RequestCoalescer[Request, Result]:
        """Return a coalescer for requests of one kind, see `RequestCoalescer`; `drain` waits for it."""
        coalescer = RequestCoalescer(write, weight)
        self._coalescers.append(coalescer)
        return coalescer

    async def drain(self) -> None:
        """Return when every request to a coalescer is answered."""
        for each in self._coalescers:
            await each.finish()

    async def close(self, within: float = CLOSING) -> None:
        """See `Transactions.close`."""
        await self._transactions.close(within)


def _bound(change: Callable[..., Result], given: tuple[Any, ...], named: Mapping[str, Any]) -> Change[Result]:
    """Return a function of the transaction alone, with the name of `change`."""

    @wraps(change)
    def bound(transaction: Transaction) -> Result:
        return change(transaction, *given, **named)

    return bound


def _ignore(_number: float) -> None:
    """Do nothing: no process counts them."""
