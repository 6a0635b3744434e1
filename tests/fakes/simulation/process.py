"""A simulated process: its tasks, and the effects that they wait to have.

A task waits for its turn before each effect. A process that is killed before an effect has had all effects
before it. What its tasks do after that has no effect, as with `kill -9`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar, copy_context
from enum import Enum
from typing import Any, TypeVar, cast

from shared.model.errors import MailferryError
from tests.fakes.simulation.time import SimulatedLoop

Result = TypeVar("Result")


class Outcome(Enum):
    """How an effect goes. With `ANSWER_LOST` it happens, and its caller gets an error."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    ANSWER_LOST = "answer lost"


class Process:
    """One process called `name`."""

    def __init__(self, name: str, loop: SimulatedLoop) -> None:
        self.name = name
        self.is_alive = True
        self._loop = loop
        self._may_fail = False
        self._begun: list[asyncio.Task[Any]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiting: list[tuple[str, asyncio.Future[Outcome]]] = []
        self._on_kill: list[Callable[[], None]] = []

    @property
    def pending(self) -> list[str]:
        """The effects that its tasks wait for."""
        return [what for what, _ in self._waiting]

    @property
    def is_done(self) -> bool:
        """Whether all coroutines that were started have ended."""
        return all(task.done() for task in self._begun)

    def start(self, work: Coroutine[Any, Any, Any], *, may_fail: bool = False) -> None:
        """Start a coroutine and run it to its first effects. With `may_fail` it may end with a
        MailferryError.
        """
        self._may_fail = may_fail
        context = copy_context()
        context.run(_OWNER.set, self)
        self._begun.append(context.run(self._loop.create_task, work))
        self._loop.run_until_idle()

    def add_task(self, task: asyncio.Task[Any]) -> None:
        """Remember a task of this process."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def step(self, outcome: Outcome = Outcome.SUCCEEDS, which: int = 0) -> str:
        """Let one task have its effect and run until it waits again. Return what it did."""
        what, turn = self._waiting.pop(which % len(self._waiting))
        turn.set_result(outcome)
        self._loop.run_until_idle()
        for task in self._begun:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self._end_by(error)
        return what if outcome is Outcome.SUCCEEDS else f"{what} ({outcome.value})"

    def _end_by(self, error: BaseException) -> None:
        errors = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
        if not self._may_fail or not all(isinstance(each, MailferryError) for each in errors):
            raise error

    def kill(self) -> None:
        """Kill the process."""
        self.is_alive = False
        for task in [*self._tasks]:
            task.cancel()
        self._loop.run_until_idle()
        for ended in self._on_kill:
            ended()

    def on_kill(self, ended: Callable[[], None]) -> None:
        """Call `ended` when the process is killed."""
        self._on_kill.append(ended)

    async def effect(
        self, what: str, act: Callable[[], Result], make_error: Callable[[], MailferryError] | None = None
    ) -> Result:
        """Call `act` when it is its turn. `make_error` makes the error for a bad outcome."""
        outcome = await self.turn(what)
        if outcome is Outcome.FAILS and make_error is not None:
            raise make_error()
        result = act()
        if outcome is Outcome.ANSWER_LOST and make_error is not None:
            raise make_error()
        return result

    async def turn(self, what: str) -> Outcome:
        """Wait for the turn. In a killed process this never returns."""
        if not self.is_alive:
            raise asyncio.CancelledError
        turn: asyncio.Future[Outcome] = self._loop.create_future()
        self._waiting.append((what, turn))
        try:
            return await turn
        finally:
            self._waiting = [each for each in self._waiting if each[1] is not turn]


_OWNER: ContextVar[Process | None] = ContextVar("the process whose code runs", default=None)


def make_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **how: Any
) -> asyncio.Task[Any]:
    """The loop's task factory. A task belongs to the process of the task that creates it."""
    task: asyncio.Task[Any] = asyncio.Task(cast(Coroutine[Any, Any, Any], work), loop=loop, **how)
    owner = _OWNER.get()
    if owner is not None:
        owner.add_task(task)
    return task
