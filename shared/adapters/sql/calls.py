"""Calls that threads make for an event loop, each with a deadline.

A database that has stopped neither answers nor refuses, so a thread may wait for it without end. At the
deadline the caller gets `StoreUnavailable`. A call that was not begun by then is not made; one that was begun
may still become durable, as where an answer was lost.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from queue import SimpleQueue
from typing import Any, NamedTuple

from shared.ports.store import StoreUnavailable

DEADLINE = 30.0
"""Seconds. A transaction concerns a few hundred rows and takes milliseconds. This is three times what SQLite
waits for a lock, and what a failover of PostgreSQL to its standby commonly takes.
"""
MAINTENANCE = 6 * 3600.0
"""Seconds for what reads the whole database: a journal of some hundred million entries."""
CLOSING = 5.0
"""Seconds that calls under way get when the store is closed. A process that is to end has ten."""

_allowed: ContextVar[float | None] = ContextVar("allowed", default=None)
_made_here = threading.local()


class Outcome(NamedTuple):
    """What a call returned, or what it failed with."""

    result: Any = None
    error: BaseException | None = None


class Call:
    """A call that a thread is to make. It is created in the event loop that waits for its outcome.

    `database` is its name in errors. `seconds` is how long the call may take from now on, including its wait
    for a thread.
    """

    def __init__(self, work: Callable[..., Any], database: str, seconds: float) -> None:
        self.work = work
        self.seconds = _allowed.get() or seconds
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.is_late = False
        self._database = database
        self._lock = threading.Lock()
        self._break_off: Callable[[], None] | None = None
        self._timer = self.loop.call_later(self.seconds, self._expire)

    def conclude(self, outcome: Outcome) -> None:
        """Set the outcome, in the event loop; the caller may have been cancelled."""
        self._timer.cancel()
        if self.future.done():
            return
        if outcome.error is None:
            self.future.set_result(outcome.result)
        else:
            self.future.set_exception(outcome.error)

    @contextmanager
    def broken_off_by(self, break_off: Callable[[], None]) -> Iterator[None]:
        """Call `break_off`, from another thread, if the deadline passes inside or has passed."""
        self._set_break_off(break_off)
        try:
            yield
        finally:
            self._set_break_off(None)

    def _set_break_off(self, break_off: Callable[[], None] | None) -> None:
        with self._lock:
            self._break_off = break_off
            if self.is_late and break_off is not None:
                break_off()

    def _expire(self) -> None:
        with self._lock:
            self.is_late = True
            if self._break_off is not None:
                self._break_off()
        error = StoreUnavailable(f"{self._database} has not answered for {self.seconds:g} s")
        self.conclude(Outcome(error=error))


class Threads:
    """Threads that make calls, `count` at the same time. They do not keep the process from ending."""

    def __init__(self, count: int, name: str, database: str, deadline: float) -> None:
        self._database, self._deadline = database, deadline
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._make_calls, name=f"{name}-{n}", daemon=True) for n in range(count)
        ]
        for each in self._threads:
            each.start()

    async def run(self, work: Callable[[Call], Any]) -> Any:
        """Return what `work` returns in a thread; it is passed its own call."""
        call = Call(work, self._database, self._deadline)
        self._queue.put(call)
        return await call.future

    async def close(self, within: float) -> None:
        """Make the calls that are queued, then end the threads; leave behind what takes longer."""
        for _ in self._threads:
            self._queue.put(None)
        await join_threads(self._threads, within)

    def _make_calls(self) -> None:
        while (call := self._queue.get()) is not None:
            if not call.future.done():
                _made_here.call = call
                report([(call, _outcome_of(call))])
                _made_here.call = None


@contextmanager
def allowing(seconds: float) -> Iterator[None]:
    """Give calls made inside so many seconds, in place of the usual deadline."""
    before = _allowed.set(seconds)
    try:
        yield
    finally:
        _allowed.reset(before)


def call_under_way() -> Call | None:
    """Return the call that this thread is making, for code that cannot be passed it."""
    call: Call | None = getattr(_made_here, "call", None)
    return call


def report(outcomes: Sequence[tuple[Call, Outcome]]) -> None:
    """Report outcomes from a thread, with one wake-up for each event loop that waits."""
    for loop in {call.loop for call, _ in outcomes}:
        those = [(call, outcome) for call, outcome in outcomes if call.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_conclude_all, those)


async def join_threads(threads: Sequence[threading.Thread], within: float) -> None:
    """Return when the threads have ended, or after `within` seconds."""
    await asyncio.to_thread(_join, threads, time.monotonic() + within)


def _join(threads: Sequence[threading.Thread], end: float) -> None:
    for each in threads:
        each.join(max(0.0, end - time.monotonic()))


def _conclude_all(outcomes: Sequence[tuple[Call, Outcome]]) -> None:
    for call, outcome in outcomes:
        call.conclude(outcome)


def _outcome_of(call: Call) -> Outcome:
    try:
        return Outcome(call.work(call))
    except BaseException as error:  # noqa: BLE001 - the caller gets it
        return Outcome(error=error)
