"""Runs the services of a process, with signals, health pages and reload.

TERM lets the services finish for a few seconds, a second TERM ends the process at once. HUP reads the
configuration again. If it cannot be used, the problems are logged and the old one stays in force.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

import structlog

from shared.config import Configuration
from shared.model.errors import Fault, MailferryError
from shared.runtime.health import Readiness, serve_health
from shared.runtime.lifecycle import handle_signals, run_together
from shared.runtime.loop_monitor import LoopMonitor
from shared.runtime.reloading import Apply, Reloader, log_warnings
from shared.runtime.runtime import Runtime
from shared.runtime.service_manager import service_manager_informed
from shared.runtime.stop import Stop
from shared.runtime.store_monitor import StoreMonitor

DRAIN = 6.0
"""Seconds in which the services finish what they have begun. This is long enough for a target on another
continent. A target that takes longer for a mail gets it again, as after a kill."""
STOP_DEADLINE = 8.5
"""Seconds after TERM at which the process has ended, whatever hangs. Container runtimes kill after ten."""

log = structlog.get_logger("mailferry.process")


class Service(Protocol):
    """A service of a process."""

    async def run(self, stop: Stop) -> None:
        """Work until `stop` is requested, then finish what was begun."""
        ...

    async def reload(self, configuration: Configuration) -> None:
        """Use another configuration from now on."""
        ...


@runtime_checkable
class HasProblem(Protocol):
    """A service that reports when it cannot work."""

    def problem(self) -> str | None:
        """Return why it cannot work now, as a sentence; None if it can."""
        ...


@runtime_checkable
class HasRemark(Protocol):
    """A service that reports what operators should know, though it works."""

    def remark(self) -> str | None:
        """Return what operators should know, as a sentence; None if there is nothing."""
        ...


@runtime_checkable
class HasDeletionProblem(Protocol):
    """A service that deletes at sources, if it may."""

    def deletion_problem(self) -> str | None:
        """Return why nothing may be deleted now, as a sentence; None if it may."""
        ...


class HealthPagesUnavailable(MailferryError):
    """The port is in use, or the address is not one of this machine. Both may change, so it is temporary."""

    fault = Fault.OPERATOR


async def run_services(
    services: Mapping[str, Service],
    runtime: Runtime,
    configuration: Configuration,
    load: Callable[[], Configuration] | None = None,
    apply: Apply | None = None,
) -> None:
    """Run `services` until a signal ends the process. On HUP, `load` reads the configuration again, and
    `apply` brings its accounts into the registry.

    Raises the error of a service that failed.
    """
    stop = Stop()
    readiness = Readiness()
    readiness.add_check("broker", runtime.broker.problem)
    for name, service in services.items():
        if isinstance(service, HasProblem):
            readiness.add_check(name, service.problem)
        if isinstance(service, HasDeletionProblem):
            readiness.add_check("deletion", service.deletion_problem)
        if isinstance(service, HasRemark):
            readiness.add_remark(name, service.remark)
    reloads: set[asyncio.Task[None]] = set()
    reloader = Reloader(services, configuration, runtime.registry, apply)

    async def reload_counted(load: Callable[[], Configuration]) -> None:
        reloaded = await reloader.reload(load)
        runtime.metrics.reload_failed.set(0 if reloaded else 1)

    def reload() -> None:
        if load is not None:
            task = asyncio.ensure_future(reload_counted(load))
            reloads.add(task)
            task.add_done_callback(reloads.discard)

    async with _health(configuration, runtime, readiness), _monitors(runtime, readiness):
        with handle_signals(stop, reload, deadline=STOP_DEADLINE):
            for name in services:
                runtime.metrics.service_up.labels(service=name).set(1)
            log.info("started", services=list(services))
            log_warnings(configuration)
            running: dict[str, Awaitable[None]] = {name: each.run(stop) for name, each in services.items()}
            async with service_manager_informed(stop, os.environ):
                await run_together(running, stop, DRAIN)
            log.info("stopped", reason=stop.reason)


@asynccontextmanager
async def _health(
    configuration: Configuration, runtime: Runtime, readiness: Readiness
) -> AsyncIterator[None]:
    listen = configuration.metrics.listen
    if listen is None:
        yield
        return
    try:
        async with serve_health(listen.host, listen.port, runtime.metrics.registry, readiness) as port:
            log.info("health pages served", host=listen.host, port=port)
            yield
    except OSError as error:
        sentence = f"[metrics] listen: {listen.host}:{listen.port} cannot be used: {error.strerror or error}"
        raise HealthPagesUnavailable(sentence) from error


@asynccontextmanager
async def _monitors(runtime: Runtime, readiness: Readiness) -> AsyncIterator[None]:
    monitor = StoreMonitor(runtime.store, runtime.clock, runtime.metrics)
    readiness.add_check("store", monitor.problem)
    loop_monitor = LoopMonitor(runtime.clock, runtime.metrics)
    tasks = [asyncio.ensure_future(each.run()) for each in (monitor, loop_monitor)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
