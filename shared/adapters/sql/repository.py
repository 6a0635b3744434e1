"""What the parts of the store have in common: work is handed over as a plain function of a transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from shared.adapters.sql.calls import CLOSING
from shared.adapters.sql.request_coalescer import RequestCoalescer
from shared.adapters.sql.unit_of_work import Doubts, Transaction
from shared.model.errors import MailferryError

Given = ParamSpec("Given")
Result = TypeVar("Result")
Asked = TypeVar("Asked")
Change = Callable[[Transaction], Result]


class Transactions(Protocol):
    """Runs work in transactions, off the event loop: one hop to a thread for each, however many
    statements it takes.
    """

    async def write(
        self,
        change: Callable[Concatenate[Transaction, Given], Result],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Result:
        """What `change` returns, once it is durable; nothing of it happened when this raises.

        `change` may be run again where it met a conflict, so it has no effect but on the database.
        """
        ...

    async def read(self, query: Change[Result]) -> Result:
        """What `query` returns, which sees the state of one moment and changes nothing but temporary
        tables.
        """
        ...

    async def close(self, within: float = CLOSING) -> None:
        """Finish what is under way and give the connections back. What takes longer is left behind."""
        ...


class Repository:
    """A part of the store."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self.on_doubts: Callable[[int], None] = _unheard
        self._gatherings: list[RequestCoalescer[Any, Any]] = []

    async def drain(self) -> None:
        """Return when everything that was asked for is written."""
        for each in self._gatherings:
            await each.finish()

    def _gathering(
        self,
        write: Callable[[Sequence[Asked]], Awaitable[Sequence[Result | MailferryError]]],
        weight: Callable[[Asked], int],
    ) -> RequestCoalescer[Asked, Result]:
        """Requests of one kind, which are written together where several come at the same time."""
        gathering = RequestCoalescer(write, weight)
        self._gatherings.append(gathering)
        return gathering

    async def _write_counting(
        self,
        change: Callable[Concatenate[Transaction, Doubts, Given], Result],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Result:
        """Make a change that may find attempts in doubt; `on_doubts` is told how many once it is durable."""
        result, doubts = await self._transactions.write(_counted, change, given, named)
        if doubts:
            self.on_doubts(doubts)
        return result


def _counted(
    transaction: Transaction,
    change: Callable[..., Result],
    given: tuple[Any, ...],
    named: Mapping[str, Any],
) -> tuple[Result, int]:
    doubts = Doubts()
    return change(transaction, doubts, *given, **named), doubts.count


def _unheard(_doubts: int) -> None:
    """Nobody wants to know."""
