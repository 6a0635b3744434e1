"""A process of the small world: its tasks, and the queue of effects that they wait for.

Before every effect a task waits for its turn. A process that is killed before an effect has done everything
before it and nothing of it. What its tasks do while they end has no effect, as with `kill -9`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar, copy_context
from enum import Enum
from typing import Any, TypeVar, cast

from shared.model.errors import MailferryError
from tests.fakes.world.time import StillLoop

Result = TypeVar("Result")


class EffectFault(Enum):
    """How an effect goes: well; not at all, with an error; or well, but the answer is lost."""

    WELL = "well"
    FAILS = "fails"
    UNHEARD = "unheard"


class Process:
    """The process called `name`."""

    def __init__(self, name: str, loop: StillLoop) -> None:
        self.name = name
        self.alive = True
        self._loop = loop
        self._may_fail = False
        self._begun: list[asyncio.Task[Any]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiting: list[tuple[str, asyncio.Future[EffectFault]]] = []
        self._at_death: list[Callable[[], None]] = []

    @property
    def about_to(self) -> list[str]:
        """The effects that its tasks wait for."""
        return [what for what, _ in self._waiting]

    @property
    def is_done(self) -> bool:
        """Whether all tasks have ended."""
        return all(task.done() for task in self._begun)

    def start(self, work: Coroutine[Any, Any, Any], *, may_fail: bool = False) -> None:
        """Start a task and run it up to its first effect. With `may_fail`, an expected error is an end like
        any other.
        """
        self._may_fail = may_fail
        context = copy_context()
        context.run(_OWNER.set, self)
        self._begun.append(context.run(self._loop.create_task, work))
        self._loop.settle()

    def own(self, task: asyncio.Task[Any]) -> None:
        """Note that a task of this process has begun."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def grant(self, fault: EffectFault = EffectFault.WELL, which: int = 0) -> str:
        """Let one waiting task go on until it waits again. Return what it did."""
        what, turn = self._waiting.pop(which % len(self._waiting))
        turn.set_result(fault)
        self._loop.settle()
        for task in self._begun:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self._end_by(error)
        return what if fault is EffectFault.WELL else f"{what} ({fault.value})"

    def _end_by(self, error: BaseException) -> None:
        errors = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
        if not self._may_fail or not all(isinstance(each, MailferryError) for each in errors):
            raise error

    def kill(self) -> None:
        """End the process at once."""
        self.alive = False
        for task in [*self._tasks]:
            task.cancel()
        self._loop.settle()
        for ended in self._at_death:
            ended()

    def at_death(self, ended: Callable[[], None]) -> None:
        """Call this when the process is killed, so that the others notice."""
        self._at_death.append(ended)

    async def effect(
        self, what: str, act: Callable[[], Result], trouble: Callable[[], MailferryError] | None = None
    ) -> Result:
        """Do `act` when it is its turn. `trouble` makes the error where the effect is to fail."""
        fault = await self.turn(what)
        if fault is EffectFault.FAILS and trouble is not None:
            raise trouble()
        result = act()
        if fault is EffectFault.UNHEARD and trouble is not None:
            raise trouble()
        return result

    async def turn(self, what: str) -> EffectFault:
        """Wait for the turn. A killed process waits for ever."""
        if not self.alive:
            raise asyncio.CancelledError
        turn: asyncio.Future[EffectFault] = self._loop.create_future()
        self._waiting.append((what, turn))
        try:
            return await turn
        finally:
            self._waiting = [each for each in self._waiting if each[1] is not turn]


_OWNER: ContextVar[Process | None] = ContextVar("the process whose code runs", default=None)


def make_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **how: Any
) -> asyncio.Task[Any]:
    """The loop's task factory: a task belongs to the process that began it, and dies with it."""
    task: asyncio.Task[Any] = asyncio.Task(cast(Coroutine[Any, Any, Any], work), loop=loop, **how)
    owner = _OWNER.get()
    if owner is not None:
        owner.own(task)
    return task
