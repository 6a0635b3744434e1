"""Runs the services of a process: signals, health pages, reload, and an end that lets them finish.

TERM drains for a few seconds, a second TERM ends at once, HUP reads the configuration again; one that cannot
be used is reported, and the old one stays in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

import structlog

from shared.config import Configuration
from shared.model.errors import Fault, MailferryError
from shared.runtime.health import serve_health
from shared.runtime.lifecycle import run_together, signals
from shared.runtime.readiness import Readiness
from shared.runtime.reloading import Reloading, log_warnings
from shared.runtime.runtime import Runtime
from shared.runtime.stopping import Stop
from shared.runtime.store_watch import StoreWatch

DRAIN = 6.0
"""Seconds that the services get to finish what they have begun. Long enough for a target on another
continent; a target that takes longer for a mail gets it again, as after a kill."""
LONGEST_END = 8.5
"""Seconds after TERM by which the process is no more, whatever hangs. Container runtimes kill after ten."""

log = structlog.get_logger("mailferry.process")


class Service(Protocol):
    """What runs in a process."""

    async def run(self, stop: Stop) -> None:
        """Work until `stop` is asked for, then finish what was begun."""
        ...

    async def reload(self, configuration: Configuration) -> None:
        """Work by another configuration from now on."""
        ...


@runtime_checkable
class Hindered(Protocol):
    """A service that may have to wait before it can work."""

    def problem(self) -> str | None:
        """Why it does not work now, as a sentence; None where it does."""
        ...


@runtime_checkable
class Remarking(Protocol):
    """A service that may have something to say, though it works."""

    def remark(self) -> str | None:
        """What those who watch should know, as a sentence; None where there is nothing."""
        ...


@runtime_checkable
class Deleting(Protocol):
    """A service that deletes at sources, if it may."""

    def deletion_problem(self) -> str | None:
        """Why it may not now, as a sentence; None where it may."""
        ...


class HealthPagesUnavailable(MailferryError):
    """Another process has the port, or the address is not this machine's: not yet, perhaps."""

    fault = Fault.OPERATOR


async def run_services(
    services: Mapping[str, Service],
    around: Runtime,
    configuration: Configuration,
    load: Callable[[], Configuration] | None = None,
) -> None:
    """Run `services` until a signal ends the process; `load` reads the configuration again, on HUP.

    Raises what a service failed with.
    """
    stop = Stop()
    readiness = Readiness()
    readiness.watch("broker", around.broker.problem)
    for name, service in services.items():
        if isinstance(service, Hindered):
            readiness.watch(name, service.problem)
        if isinstance(service, Deleting):
            readiness.watch("deletion", service.deletion_problem)
        if isinstance(service, Remarking):
            readiness.note(name, service.remark)
    reloads: set[asyncio.Task[None]] = set()
    reloading = Reloading(services, configuration)

    def reload() -> None:
        if load is not None:
            task = asyncio.ensure_future(reloading.reload(load))
            reloads.add(task)
            task.add_done_callback(reloads.discard)

    async with _health(configuration, around, readiness), _watching(around, readiness):
        with signals(stop, reload, longest_end=LONGEST_END):
            for name in services:
                around.metrics.service_up.labels(service=name).set(1)
            log.info("started", services=list(services))
            log_warnings(configuration)
            running: dict[str, Awaitable[None]] = {name: each.run(stop) for name, each in services.items()}
            await run_together(running, stop, DRAIN)
            log.info("stopped", reason=stop.reason)


@asynccontextmanager
async def _health(configuration: Configuration, around: Runtime, readiness: Readiness) -> AsyncIterator[None]:
    listen = configuration.metrics.listen
    if listen is None:
        yield
        return
    try:
        async with serve_health(listen.host, listen.port, around.metrics.registry, readiness) as port:
            log.info("health pages served", host=listen.host, port=port)
            yield
    except OSError as error:
        sentence = f"[metrics] listen: {listen.host}:{listen.port} cannot be used: {error.strerror or error}"
        raise HealthPagesUnavailable(sentence) from error


@asynccontextmanager
async def _watching(around: Runtime, readiness: Readiness) -> AsyncIterator[None]:
    watch = StoreWatch(around.store, around.clock, around.metrics)
    readiness.watch("store", watch.problem)
    task = asyncio.ensure_future(watch.run())
    try:
        yield
    finally:
        task.cancel()
