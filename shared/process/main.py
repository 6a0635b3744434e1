"""From the command line to a running process and back to an exit code.

Exit codes: 0 ended as asked, 1 failed, 75 failed for now (EX_TEMPFAIL), 78 the configuration cannot be used
(EX_CONFIG).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog
import uvloop

from shared.model.errors import ConfigurationError, MailferryError
from shared.ops.checkpoints import arm
from shared.ops.config import Configuration, load
from shared.ops.logs import set_up_logs

FAILURE = 1
USAGE = 2
TEMPORARY_FAILURE = 75

Load = Callable[[], Configuration]
Serve = Callable[[Configuration, Load], Awaitable[None]]

log = structlog.get_logger("mailferry.process")


def run_process(path: Path, environ: Mapping[str, str], serve: Serve) -> int:
    """Load the configuration at `path`, run `serve` to its end, and return the exit code; errors go to
    standard error.
    """

    def load_again() -> Configuration:
        return load(path, environ)

    try:
        arm(environ)
        configuration = load_again()
        set_up_logs(configuration.log.level, configuration.log.format, sys.stdout)
        uvloop.run(_as_coroutine(serve(configuration, load_again)))
    except* ConfigurationError as errors:
        return _refused(errors)
    except* MailferryError as errors:
        return _failed(errors)
    return 0


async def _as_coroutine(work: Awaitable[None]) -> None:
    await work


def _refused(errors: ExceptionGroup[ConfigurationError]) -> int:
    for error in _leaves(errors):
        sys.stderr.write(error + "\n")
    return ConfigurationError.exit_code


def _failed(errors: ExceptionGroup[MailferryError]) -> int:
    leaves = _leaves(errors)
    for error in leaves:
        sys.stderr.write(f"mailferry: {error}" + "\n")
    return TEMPORARY_FAILURE if all(getattr(error, "temporary", False) for error in leaves) else FAILURE


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


def main(serve: Serve, arguments: Sequence[str]) -> int:
    """The entry of `python -m services.…`, which takes the configuration file as its only argument."""
    if len(arguments) != 2:
        sys.stderr.write(f"usage: {arguments[0]} FILE" + "\n")
        return USAGE
    return run_process(Path(arguments[1]), os.environ, serve)
