"""The signals of a process, and its services, which start and stop together.

TERM or INT lets the services finish what they have begun, and ends the process with its usual exit code. A
second one ends it at once, with 128 + the signal's number (143 for TERM, 130 for INT). If the services take
too long, the process ends with 75. No mail is lost by that, see the protocol of custody. HUP reads the
configuration again.
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
from shared.runtime.exit_codes import TEMPORARY_FAILURE
from shared.runtime.stop import Stop

DRAIN = 30.0
CANCEL_TIME = 1.0
"""Seconds in which a cancelled service can clean up."""

log = structlog.get_logger("mailferry.lifecycle")


class ServiceEnded(MailferryError):
    """A service returned although no stop was requested."""


class ServiceStuck(MailferryError):
    """A service did not stop in time, and was cancelled."""


@contextmanager
def handle_signals(
    stop: Stop,
    reload: Callable[[], None],
    exit_now: Callable[[int], object] = os._exit,
    deadline: float | None = None,
) -> Iterator[None]:
    """Handle TERM, INT and HUP within the context, which runs in the event loop of the main thread.

    `deadline` is the time in seconds from the first TERM or INT to the end of the process. After it, a thread
    calls `exit_now`, as the event loop may hang, or the interpreter's exit, which waits for other threads.
    """
    loop = asyncio.get_running_loop()

    def exit_overdue(number: signal.Signals) -> None:
        sys.stderr.write(
            f"mailferry: not all work ended within {deadline:g} seconds of {number.name}; the process exits "
            "now, and the next one continues the work\n"
        )
        sys.stderr.flush()
        exit_now(TEMPORARY_FAILURE)

    def handle_stop(number: signal.Signals) -> None:
        if stop.requested:
            exit_now(128 + number)
            return
        log.info("stopping", signal=number.name)
        stop.request(f"signal {number.name}")
        if deadline is not None:
            watchdog = threading.Timer(deadline, exit_overdue, [number])
            watchdog.daemon = True
            watchdog.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle_stop, number)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def run_together(services: Mapping[str, Awaitable[None]], stop: Stop, drain: float = DRAIN) -> None:
    """Run the services until `stop` is requested or one of them ends. Then all get `drain` seconds to finish.

    Raises the error of a service, or an ExceptionGroup if several failed. A service that returns without a
    request has failed (`ServiceEnded`), and so has one that does not stop in time (`ServiceStuck`).
    """
    tasks = {asyncio.ensure_future(service): name for name, service in services.items()}
    requested = asyncio.ensure_future(stop.wait())
    try:
        ended, _ = await asyncio.wait([*tasks, requested], return_when=asyncio.FIRST_COMPLETED)
        early = (
            []
            if stop.requested
            else [ServiceEnded(f"The {tasks[task]} ended by itself.") for task in ended if _returned(task)]
        )
        stop.request("a service ended")
        _, stuck = await asyncio.wait(tasks, timeout=drain)
        await _cancel(stuck)
    except asyncio.CancelledError:
        await _cancel(set(tasks))
        for error in _failures(set(tasks)):
            log.error("a service failed while it was cancelled", error=error)
        raise
    finally:
        requested.cancel()
    late = [ServiceStuck(f"The {tasks[task]} did not stop within {drain:g} seconds.") for task in stuck]
    _raise_all([*_failures(set(tasks)), *early, *late])


def _returned(task: asyncio.Future[None]) -> bool:
    """Whether a task ended without an error. A task that cancelled itself did so, too."""
    return task.cancelled() or task.exception() is None


def _failures(tasks: Set[asyncio.Future[None]]) -> list[BaseException]:
    ended = [task for task in tasks if task.done() and not task.cancelled()]
    return [error for task in ended if (error := task.exception())]


async def _cancel(tasks: Set[asyncio.Future[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CANCEL_TIME)


def _raise_all(errors: list[BaseException]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BaseExceptionGroup("Several services failed.", errors)
