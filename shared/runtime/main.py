"""From the command line to a running process and back to an exit code.

Exit codes: 0 ended as asked, 1 failed, 75 failed for now (EX_TEMPFAIL), 78 the configuration cannot be used
(EX_CONFIG).
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
from shared.runtime.exit_codes import USAGE, ending
from shared.runtime.garbage_collection import calm_collector
from shared.runtime.logs import set_up_logs

Load = Callable[[], Configuration]
Serve = Callable[[Configuration, Load], Awaitable[None]]


def run_process(path: Path, environ: Mapping[str, str], serve: Serve) -> int:
    """Load the configuration at `path`, run `serve` to its end, and return the exit code; errors go to
    standard error.
    """
    try:
        serve_configured(path, environ, serve)
    except (MailferryError, ExceptionGroup) as error:
        end = ending(error)
        if end is None:
            raise
        for sentence in end.sentences:
            sys.stderr.write(sentence + "\n")
        return end.code
    return 0


def serve_configured(path: Path, environ: Mapping[str, str], serve: Serve) -> None:
    """Load the configuration at `path` and run `serve` to its end; raises what ends it, perhaps in a
    group.
    """

    def load_again() -> Configuration:
        return load(path, environ)

    arm(environ)
    with _deaf_to_hup():
        configuration = load_again()
        set_up_logs(configuration.log.level, configuration.log.format, sys.stdout)
        calm_collector()
        uvloop.run(_as_coroutine(serve(configuration, load_again)))


@contextmanager
def _deaf_to_hup() -> Iterator[None]:
    """Until the services hear it, a HUP would end the process, and what it asks for is done just now."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


async def _as_coroutine(work: Awaitable[None]) -> None:
    await work


def main(serve: Serve, arguments: Sequence[str]) -> int:
    """The entry of `python -m services.…`, which takes the configuration file as its only argument."""
    if len(arguments) != 2:
        sys.stderr.write(f"usage: {arguments[0]} FILE" + "\n")
        return USAGE
    return run_process(Path(arguments[1]), os.environ, serve)
