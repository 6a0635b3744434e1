"""A thread that writes to SQLite."""

from __future__ import annotations

import asyncio
import threading
from queue import Empty, SimpleQueue
from typing import Any

from shared.adapters.sql.engine import Database
from shared.adapters.sql.part import Change
from shared.adapters.sql.sqlite_group import GroupCommit, Outcome
from shared.ports.store import StoreUnavailable


class WriterThread:
    """Makes changes in a thread of this process; may be used from several event loops."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_until_closed, name="sqlite-write", daemon=True)
        self._thread.start()

    async def write(self, change: Change[Any]) -> Any:
        """What `change` returned, once it is durable."""
        waiting = _Waiting(change)
        self._queue.put(waiting)
        return await waiting.future

    async def close(self) -> None:
        """Write what is waiting, then end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _write_until_closed(self) -> None:
        writer = GroupCommit(self._database)
        while (first := self._queue.get()) is not None:
            group = [first]

            def following(group: list[_Waiting] = group) -> Change[Any] | None:
                late = self._next()
                if late is not None:
                    group.append(late)
                return late.change if late else None

            outcomes = writer.run(first.change, following)
            _tell([*zip(group, outcomes, strict=True)])
        writer.close()
        self._refuse_the_rest()

    def _next(self) -> _Waiting | None:
        try:
            following = self._queue.get_nowait()
        except Empty:
            return None
        if following is None:
            self._queue.put(None)
        return following

    def _refuse_the_rest(self) -> None:
        closed = Outcome(error=StoreUnavailable(f"{self._database} is closed"))
        while (late := self._next()) is not None:
            _tell([(late, closed)])


class _Waiting:
    """A change that waits to be made, and whom to tell."""

    def __init__(self, change: Change[Any]) -> None:
        self.change = change
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()


def _tell(group: list[tuple[_Waiting, Outcome]]) -> None:
    """One wake-up for each event loop that waits."""
    for loop in {waiting.loop for waiting, _ in group}:
        those = [(waiting, outcome) for waiting, outcome in group if waiting.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell_all, those)


def _tell_all(group: list[tuple[_Waiting, Outcome]]) -> None:
    """Hand the outcomes over, in the event loop; nobody may be waiting for one any more."""
    for waiting, outcome in group:
        if waiting.future.done():
            continue
        if outcome.error is None:
            waiting.future.set_result(outcome.result)
        else:
            waiting.future.set_exception(outcome.error)
