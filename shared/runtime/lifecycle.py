"""The life of a process: its signals, and its services, which live and end together.

TERM or INT asks everything to finish what it has begun and ends the process with its usual exit code. A
second one ends it at once, with 128 + the signal's number (143 for TERM, 130 for INT), and so does the time
that it may take, with 75: nothing is lost by that, see the protocol of custody. HUP asks for the
configuration to be read again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Set
from contextlib import contextmanager

import structlog

from shared.model.errors import MailferryError
from shared.runtime.stopping import Stop

DRAIN = 30.0
BREAK_OFF = 1.0
"""Seconds that a service which was broken off gets to clean up."""
OVERTIME_CODE = 75

log = structlog.get_logger("mailferry.lifecycle")


class ServiceEnded(MailferryError):
    """A service returned although nobody had asked it to stop."""


class ServiceStuck(MailferryError):
    """A service had not come to its end when the time for that was over, and was broken off."""


@contextmanager
def signals(
    stop: Stop,
    reload: Callable[[], None],
    exit_now: Callable[[int], object] = os._exit,
    longest_end: float | None = None,
) -> Iterator[None]:
    """Handle TERM, INT and HUP within the context, which must be in a running event loop of the main
    thread.

    `longest_end`: seconds after the first TERM or INT in which the process has to end, also beyond this
    context; then it is ended by `exit_now`. A thread sees to it, as what hangs may be the loop, or the
    interpreter's own end, which waits for threads that wait for a database.
    """
    loop = asyncio.get_running_loop()

    def end_late(number: signal.Signals) -> None:
        sys.stderr.write(
            f"mailferry: not everything came to its end within {longest_end:g} seconds of {number.name}; the "
            "process ends now, and the next one goes on with what was under way\n"
        )
        sys.stderr.flush()
        exit_now(OVERTIME_CODE)

    def end(number: signal.Signals) -> None:
        if stop.asked:
            exit_now(128 + number)
            return
        log.info("stopping", signal=number.name)
        stop.ask(f"signal {number.name}")
        if longest_end is not None:
            watchdog = threading.Timer(longest_end, end_late, [number])
            watchdog.daemon = True
            watchdog.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def run_together(services: Mapping[str, Awaitable[None]], stop: Stop, drain: float = DRAIN) -> None:
    """Run the services until `stop` is asked for or one of them fails; then all get `drain` seconds to
    finish.

    Raises what failed: the error itself where there is one, an ExceptionGroup where there are several. A
    service that returns unasked has failed (`ServiceEnded`), and so has one that has to be broken off
    (`ServiceStuck`).
    """
    tasks = {asyncio.ensure_future(service): name for name, service in services.items()}
    asked = asyncio.ensure_future(stop.wait())
    try:
        ended, _ = await asyncio.wait([*tasks, asked], return_when=asyncio.FIRST_COMPLETED)
        early = (
            []
            if stop.asked
            else [ServiceEnded(f"The {tasks[task]} ended by itself.") for task in ended if _returned(task)]
        )
        stop.ask("a service ended")
        _, stuck = await asyncio.wait(tasks, timeout=drain)
        await _break_off(stuck)
    except asyncio.CancelledError:
        await _break_off(set(tasks))
        for error in _failures(set(tasks)):
            log.error("a service failed while it was broken off", error=error)
        raise
    finally:
        asked.cancel()
    late = [ServiceStuck(f"The {tasks[task]} did not stop within {drain:g} seconds.") for task in stuck]
    _raise_all([*_failures(set(tasks)), *early, *late])


def _returned(task: asyncio.Future[None]) -> bool:
    """Without an error; a task that cancelled itself has returned, too."""
    return task.cancelled() or task.exception() is None


def _has_ended(task: asyncio.Future[None]) -> bool:
    """Whether it came to an end by itself, or by an error."""
    return task.done() and not task.cancelled()


def _failures(tasks: Set[asyncio.Future[None]]) -> list[BaseException]:
    return [error for task in tasks if _has_ended(task) and (error := task.exception())]


async def _break_off(tasks: Set[asyncio.Future[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=BREAK_OFF)


def _raise_all(errors: list[BaseException]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BaseExceptionGroup("Several services failed.", errors)
