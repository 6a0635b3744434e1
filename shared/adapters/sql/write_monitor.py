"""Notices that nothing can be written, which a look at the database does not show: its disk is full, or it
may only be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from shared.adapters.sql.calls import CLOSING
from shared.adapters.sql.repository import Change, Transactions
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import StoreUnavailable

Given = ParamSpec("Given")
Result = TypeVar("Result")

RECENT = 30.0
"""Seconds: longer than whoever could not write waits to try again."""


class WriteMonitor:
    """Does all through `transactions`. `clock` gives monotonic seconds."""

    def __init__(self, transactions: Transactions, clock: Callable[[], float] = time.monotonic) -> None:
        self._transactions = transactions
        self._clock = clock
        self._failure: tuple[float, StoreUnavailable] | None = None

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
        """See `Transactions`."""
        try:
            result = await self._transactions.write(change, *given, **named)
        except StoreUnavailable as error:
            self._failure = (self._clock(), error)
            raise
        self._failure = None
        return result

    async def read(self, query: Change[Result]) -> Result:
        """See `Transactions`."""
        return await self._transactions.read(query)

    async def close(self, within: float = CLOSING) -> None:
        """See `Transactions`."""
        await self._transactions.close(within)
