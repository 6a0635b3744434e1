"""Calls that threads make for an event loop, each with a deadline.

A database that has stopped answers nothing and refuses nothing, so a thread may wait for it without end. Who
asked is told at the deadline that the store is unavailable. What was not begun by then is not done; what was
begun may still become durable, as where an answer was lost.
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
"""Seconds for what goes through the whole database: a journal of some hundred million entries."""
CLOSING = 5.0
"""Seconds that calls under way get when the store is closed: a process that is told to end has ten."""

_allowed: ContextVar[float | None] = ContextVar("allowed", default=None)
_made_here = threading.local()


class Outcome(NamedTuple):
    """What a call returned, or what it failed with."""

    result: Any = None
    error: BaseException | None = None


class Call:
    """A call that a thread is to make, and whom to tell. Made in the event loop that waits for it.

    `place` names the database, `seconds` is how long it may take, from now on.
    """

    def __init__(self, work: Callable[..., Any], place: str, seconds: float) -> None:
        self.work = work
        self.seconds = _allowed.get() or seconds
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.is_late = False
        self._place = place
        self._lock = threading.Lock()
        self._break_off: Callable[[], None] | None = None
        self._timer = self.loop.call_later(self.seconds, self._expire)

    def conclude(self, outcome: Outcome) -> None:
        """Tell the outcome, in the event loop; nobody may be waiting for it any more."""
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
        self._set(break_off)
        try:
            yield
        finally:
            self._set(None)

    def _set(self, break_off: Callable[[], None] | None) -> None:
        with self._lock:
            self._break_off = break_off
            if self.is_late and break_off is not None:
                break_off()

    def _expire(self) -> None:
        with self._lock:
            self.is_late = True
            if self._break_off is not None:
                self._break_off()
        late = StoreUnavailable(f"{self._place} has not answered for {self.seconds:g} s")
        self.conclude(Outcome(error=late))


class Threads:
    """Threads that make calls, `count` at the same time. None keeps the process from ending."""

    def __init__(self, count: int, name: str, place: str, deadline: float) -> None:
        self._place, self._deadline = place, deadline
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._make_calls, name=f"{name}-{n}", daemon=True) for n in range(count)
        ]
        for each in self._threads:
            each.start()

    async def run(self, work: Callable[[Call], Any]) -> Any:
        """What `work` returns, in a thread; it is given the call that it is."""
        call = Call(work, self._place, self._deadline)
        self._queue.put(call)
        return await call.future

    async def close(self, within: float) -> None:
        """Make the calls that wait, then end the threads. One that hangs is left behind after that time."""
        for _ in self._threads:
            self._queue.put(None)
        await ended(self._threads, within)

    def _make_calls(self) -> None:
        while (call := self._queue.get()) is not None:
            if not call.future.done():
                _made_here.call = call
                tell([(call, _outcome_of(call))])
                _made_here.call = None


@contextmanager
def allowing(seconds: float) -> Iterator[None]:
    """Calls made inside have so many seconds, and not what is usual."""
    before = _allowed.set(seconds)
    try:
        yield
    finally:
        _allowed.reset(before)


def call_under_way() -> Call | None:
    """The call that this thread is making, for those whom nobody can tell."""
    call: Call | None = getattr(_made_here, "call", None)
    return call


def tell(outcomes: Sequence[tuple[Call, Outcome]]) -> None:
    """Tell the outcomes from a thread, with one wake-up for each event loop that waits."""
    for loop in {call.loop for call, _ in outcomes}:
        those = [(call, outcome) for call, outcome in outcomes if call.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_conclude_all, those)


async def ended(threads: Sequence[threading.Thread], within: float) -> None:
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
    except BaseException as error:  # noqa: BLE001 - whoever waits has to hear of it
        return Outcome(error=error)
