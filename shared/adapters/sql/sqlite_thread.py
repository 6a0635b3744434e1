"""A thread that writes to SQLite."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import Any

from shared.adapters.sql.calls import Call, Outcome, ended, tell
from shared.adapters.sql.engine import Database
from shared.adapters.sql.repository import Change
from shared.adapters.sql.sqlite_group import GroupCommit
from shared.ports.store import StoreUnavailable


class WriterThread:
    """Makes changes in a thread of this process; may be used from several event loops."""

    def __init__(self, database: Database, deadline: float) -> None:
        self._database, self._deadline = database, deadline
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_until_closed, name="sqlite-write", daemon=True)
        self._thread.start()

    async def write(self, change: Change[Any]) -> Any:
        """What `change` returned, once it is durable."""
        call = Call(change, str(self._database), self._deadline)
        self._queue.put(call)
        return await call.future

    async def close(self, within: float) -> None:
        """Write what is waiting, then end. A disk that hangs is not waited for without end."""
        self._queue.put(None)
        await ended([self._thread], within)

    def _write_until_closed(self) -> None:
        writer = GroupCommit(self._database)
        while (first := self._queue.get()) is not None:
            if first.future.done():
                continue
            group = [first]

            def following(group: list[Call] = group) -> Change[Any] | None:
                late = self._next()
                if late is not None:
                    group.append(late)
                return late.work if late else None

            outcomes = writer.run(first.work, following)
            tell([*zip(group, outcomes, strict=True)])
        writer.close()
        self._refuse_the_rest()

    def _next(self) -> Call | None:
        """The next call that somebody waits for, if there is one by now."""
        try:
            while (following := self._queue.get_nowait()) is not None:
                if not following.future.done():
                    return following
        except Empty:
            return None
        self._queue.put(None)
        return None

    def _refuse_the_rest(self) -> None:
        closed = Outcome(error=StoreUnavailable(f"{self._database} is closed"))
        while (late := self._next()) is not None:
            tell([(late, closed)])
