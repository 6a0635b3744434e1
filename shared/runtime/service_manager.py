"""Tells systemd that the process is ready, that it stops, and again and again that it does not hang.

The protocol is sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names. Elsewhere nothing is sent.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from shared.runtime.stop import Stop

MICROSECONDS = 1_000_000
SIGNS_OF_LIFE = 3
"""Signs of life that are sent within the time of the watchdog: one that is late does no harm."""

log = structlog.get_logger("mailferry.process")


@asynccontextmanager
async def service_manager_informed(stop: Stop, environ: Mapping[str, str]) -> AsyncIterator[None]:
    """Report READY=1 now, STOPPING=1 once `stop` is requested, and WATCHDOG=1 where systemd waits for it.

    The signs of life come from the event loop: one that hangs sends none, and systemd ends the process.
    """
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        yield
        return
    notify(address, "READY=1")
    interval = watchdog_interval(environ)
    tasks = [asyncio.ensure_future(_report_stop(address, stop))]
    if interval is not None:
        tasks.append(asyncio.ensure_future(_report_life(address, interval)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def watchdog_interval(environ: Mapping[str, str]) -> float | None:
    """Return the seconds between two signs of life; None where systemd waits for none."""
    written = environ.get("WATCHDOG_USEC", "")
    if not written.isdecimal() or int(written) == 0:
        return None
    return int(written) / MICROSECONDS / SIGNS_OF_LIFE


def notify(address: str, state: str) -> None:
    """Send one datagram. A service manager that does not listen is reported in the log, and is no failure."""
    path = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.setblocking(False)  # the manager may be busy: no service waits for it
            connection.sendto(state.encode("ascii"), path)
    except OSError as error:
        log.warning("the service manager was not informed", state=state, error=error)


async def _report_stop(address: str, stop: Stop) -> None:
    await stop.wait()
    notify(address, "STOPPING=1")


async def _report_life(address: str, interval: float) -> None:
    while True:
        notify(address, "WATCHDOG=1")
        await asyncio.sleep(interval)
