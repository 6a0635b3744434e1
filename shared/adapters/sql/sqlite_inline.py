"""The event loop writes to SQLite itself, in a process that does nothing else."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, NamedTuple

from shared.adapters.sql.engine import Database
from shared.adapters.sql.part import Change
from shared.adapters.sql.sqlite_group import GroupCommit, tell


class InlineWriter:
    """Makes changes in the event loop that asks, which stands still meanwhile."""

    def __init__(self, database: Database) -> None:
        self._commit = GroupCommit(database)
        self._waiting: deque[_Waiting] = deque()

    async def write(self, change: Change[Any]) -> Any:
        """What `change` returned, once it is durable."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(change, loop.create_future())
        if not self._waiting:
            loop.call_soon(self._write_soon)
        self._waiting.append(waiting)
        return await waiting.future

    async def close(self) -> None:
        """Write what is waiting, then end."""
        while self._waiting:
            self._write_group()
        self._commit.close()

    def _write_soon(self) -> None:
        if self._waiting:
            self._write_group()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._write_soon)

    def _write_group(self) -> None:
        group = [self._waiting.popleft()]

        def following() -> Change[Any] | None:
            if not self._waiting:
                return None
            group.append(self._waiting.popleft())
            return group[-1].change

        outcomes = self._commit.run(group[0].change, following)
        for each, outcome in zip(group, outcomes, strict=True):
            tell(each.future, outcome)


class _Waiting(NamedTuple):
    """A change that waits to be made, and who waits for it."""

    change: Change[Any]
    future: asyncio.Future[Any]
