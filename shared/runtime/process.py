"""Runs a process: reads the configuration, runs its services, and returns the exit code.

Exit codes: 0 stopped on request, 1 failed, 75 failed for now (EX_TEMPFAIL), 78 the configuration cannot be
used (EX_CONFIG).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from shared.config import Configuration, load
from shared.model.errors import MailferryError
from shared.runtime.checkpoints import arm
from shared.runtime.exit_codes import USAGE, exit_status
from shared.runtime.garbage_collection import tune_garbage_collector
from shared.runtime.logs import set_up_logs

Load = Callable[[], Configuration]
Serve = Callable[[Configuration, Load], Awaitable[None]]


def run_process(path: Path, environ: Mapping[str, str], serve: Serve) -> int:
    """Load the configuration, run `serve`, and return the exit code. Errors go to standard error."""
    try:
        serve_configured(path, environ, serve)
    except (MailferryError, ExceptionGroup) as error:
        status = exit_status(error)
        if status is None:
            raise
        for sentence in status.sentences:
            sys.stderr.write(sentence + "\n")
        return status.code
    return 0


def serve_configured(path: Path, environ: Mapping[str, str], serve: Serve, *, includes: bool = False) -> None:
    """Load the configuration at `path` and run `serve`. Raises what ends it, perhaps in a group.

    `includes`: the process applies the accounts of its file, so the files that it includes are read.
    """

    def load_again() -> Configuration:
        return load(path, environ, includes=includes)

    arm(environ)
    with _hup_ignored():
        configuration = load_again()
        set_up_logs(configuration.log.level, configuration.log.format, sys.stdout)
        tune_garbage_collector()
        uvloop.run(_as_coroutine(serve(configuration, load_again)))


@contextmanager
def _hup_ignored() -> Iterator[None]:
    """Ignore HUP while the process starts: it would end the process, and the configuration is read anyway."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


async def _as_coroutine(work: Awaitable[None]) -> None:
    await work


def main(serve: Serve, arguments: Sequence[str]) -> int:
    """Run `python -m services.…`, which takes the configuration file as its only argument."""
    if len(arguments) != 2:
        sys.stderr.write(f"usage: {arguments[0]} FILE" + "\n")
        return USAGE
    return run_process(Path(arguments[1]), os.environ, serve)
