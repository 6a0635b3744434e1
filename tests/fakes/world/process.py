"""A process of the small world: its tasks, and the queue of what they are about to do.

Before every effect a task asks for its turn. Who is killed in front of an effect has done everything before
it and nothing of it; and whatever the dying still try to tidy up has no effect any more, as with `kill -9`.
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


class Omen(Enum):
    """How an effect goes: well; not at all, with an error; or well, but the answer is lost."""

    WELL = "well"
    FAILS = "fails"
    UNHEARD = "unheard"


class Process:
    """One process called `name`."""

    def __init__(self, name: str, loop: StillLoop) -> None:
        self.name = name
        self.alive = True
        self._loop = loop
        self._may_fail = False
        self._begun: list[asyncio.Task[Any]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiting: list[tuple[str, asyncio.Future[Omen]]] = []
        self._at_death: list[Callable[[], None]] = []

    @property
    def about_to(self) -> list[str]:
        """What its tasks wait to do."""
        return [what for what, _ in self._waiting]

    @property
    def is_done(self) -> bool:
        """Whether all that was started has ended."""
        return all(task.done() for task in self._begun)

    def start(self, work: Coroutine[Any, Any, Any], *, may_fail: bool = False) -> None:
        """Begin, up to the first effects. With `may_fail` an error that was foreseen is an end like any."""
        self._may_fail = may_fail
        context = copy_context()
        context.run(_OWNER.set, self)
        self._begun.append(context.run(self._loop.create_task, work))
        self._loop.settle()

    def own(self, task: asyncio.Task[Any]) -> None:
        """A task of this process has begun."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def grant(self, omen: Omen = Omen.WELL, which: int = 0) -> str:
        """Let one of those that wait go on until it waits again; returns what it did."""
        what, turn = self._waiting.pop(which % len(self._waiting))
        turn.set_result(omen)
        self._loop.settle()
        for task in self._begun:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self._end_by(error)
        return what if omen is Omen.WELL else f"{what} ({omen.value})"

    def _end_by(self, error: BaseException) -> None:
        errors = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
        if not self._may_fail or not all(isinstance(each, MailferryError) for each in errors):
            raise error

    def kill(self) -> None:
        """End it here and now."""
        self.alive = False
        for task in [*self._tasks]:
            task.cancel()
        self._loop.settle()
        for ended in self._at_death:
            ended()

    def at_death(self, ended: Callable[[], None]) -> None:
        """Have the others notice its end."""
        self._at_death.append(ended)

    async def effect(
        self, what: str, act: Callable[[], Result], trouble: Callable[[], MailferryError] | None = None
    ) -> Result:
        """Do `act` when it is its turn; `trouble` makes the error where the omen is bad."""
        omen = await self.turn(what)
        if omen is Omen.FAILS and trouble is not None:
            raise trouble()
        result = act()
        if omen is Omen.UNHEARD and trouble is not None:
            raise trouble()
        return result

    async def turn(self, what: str) -> Omen:
        """Wait for it; the dead wait in vain."""
        if not self.alive:
            raise asyncio.CancelledError
        turn: asyncio.Future[Omen] = self._loop.create_future()
        self._waiting.append((what, turn))
        try:
            return await turn
        finally:
            self._waiting = [each for each in self._waiting if each[1] is not turn]


_OWNER: ContextVar[Process | None] = ContextVar("the process whose code runs", default=None)


def make_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **how: Any
) -> asyncio.Task[Any]:
    """The loop's task factory: whoever begins a task owns it, so that it dies with him."""
    task: asyncio.Task[Any] = asyncio.Task(cast(Coroutine[Any, Any, Any], work), loop=loop, **how)
    owner = _OWNER.get()
    if owner is not None:
        owner.own(task)
    return task
