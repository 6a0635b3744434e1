"""Runs the asynchronous work of a command; TERM ends it like an interrupt: what it opened is closed.

Standard output is for the result alone. A command that sets up no logs itself logs errors to standard error.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
import structlog
import uvloop

from shared.config import Configuration
from shared.operations.context import OperatorContext, open_context
from shared.runtime.garbage_collection import tune_garbage_collector
from shared.runtime.logs import set_up_logs

T = TypeVar("T")


def execute(work: Callable[[], Awaitable[T]]) -> T:
    """Return what `work` returns. Raises what it raises; on TERM the process ends with 143."""
    terminated = False

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        return await work()

    if not structlog.is_configured():
        quiet_logs(None, verbose=False)
    try:
        tune_garbage_collector()
        return uvloop.run(main())
    except asyncio.CancelledError:
        if not terminated:
            raise
        raise click.exceptions.Exit(128 + signal.SIGTERM) from None


def operate(
    configuration: Configuration,
    operation: Callable[[OperatorContext], Awaitable[T]],
    *,
    seals: bool = False,
) -> T:
    """Return what an operation returns that needs the store or the blobs; with `seals`, to write secrets.

    Raises what it raises.
    """

    async def with_context() -> T:
        async with open_context(configuration, seals=seals) as context:
            return await operation(context)

    return execute(with_context)


def quiet_logs(configuration: Configuration | None, *, verbose: bool) -> None:
    """Log to standard error: at the configured level if `verbose`, else only errors."""
    level = configuration.log.level if configuration else "info"
    set_up_logs(level if verbose else "error", "auto", sys.stderr)
