"""The waiting process of `warm_start`: it has imported Mailferry and becomes the command for each request."""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import NamedTuple

from services.cli.__main__ import AllCommands
from tests.servers.warm_start import COMMAND, Request

SERVICES = (
    "services.fetcher.__main__",
    "services.relay.__main__",
    "services.router.__main__",
    "services.standalone.all_services",
    "services.standalone.control",
    "services.standalone.once",
)
"""What the commands import when they run."""
MOST_OCTETS = 65536
"""Of one request."""


class Place(NamedTuple):
    """Where a child runs: what it is asked for, and its files."""

    request: Request
    out: int
    err: int


def wait_for_work(requests: socket.socket) -> Place:
    """Fork a child for each request, and tell the end of each; return in the children only.

    The file descriptors that come with a request: output, errors, and a pipe that takes the exit code.
    """
    woken, wake = os.pipe()
    for each in (woken, wake):
        os.set_blocking(each, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    listening = requests.fileno()
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([listening, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_ends(running)
        if listening not in ready:
            continue
        data, (out, err, tell) = _received(requests)
        if not data:
            _kill(running)
            sys.exit()
        if (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (woken, wake, tell, *running.values()):
                os.close(each)
            requests.close()
            return Place(json.loads(data), out, err)
        os.close(out)
        os.close(err)
        running[pid] = tell
        requests.send(str(pid).encode())


def _received(requests: socket.socket) -> tuple[bytes, tuple[int, int, int]]:
    """Return a request and its files; nothing, once the worker has ended."""
    data, descriptors, _, _ = socket.recv_fds(requests, MOST_OCTETS, 3)
    if not data:
        return b"", (-1, -1, -1)
    out, err, tell = descriptors
    return data, (out, err, tell)


def _tell_ends(running: dict[int, int]) -> None:
    with suppress(ChildProcessError):  # none is left
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            tell = running.pop(pid)
            with suppress(BrokenPipeError):  # nobody waits for it any more
                os.write(tell, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(tell)


def _kill(running: Mapping[int, int]) -> None:
    for pid in running:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def become(place: Place) -> None:
    """Take the place of a process that was started with this environment, directory and these files."""
    os.setsid()
    for source, target in ((place.out, 1), (place.err, 2)):
        os.dup2(source, target)
        os.close(source)
    sys.stdout = open(1, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False)  # noqa: SIM115 - for as long as the process lives
    sys.stderr = open(  # noqa: SIM115 - as above
        2, "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors, buffering=1, closefd=False
    )
    os.environ.clear()
    os.environ.update(place.request["env"])
    os.chdir(place.request["cwd"])
    sys.argv = [str(COMMAND), *place.request["arguments"]]


if __name__ == "__main__":
    for name in [*SERVICES, *(each.partition(":")[0] for each in AllCommands.places.values())]:
        import_module(name)
    assert threading.active_count() == 1, "a fork would lose the other threads"
    gc.collect()
    gc.freeze()
    place = wait_for_work(socket.socket(fileno=int(sys.argv[1])))
    become(place)
    import_module(place.request["module"]).main(prog_name=COMMAND.name)
