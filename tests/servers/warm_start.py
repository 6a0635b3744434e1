"""The `mailferry` command without the second that Python needs to import it.

A process that has imported everything waits, and becomes the command in a child of its own for each start
(fork). What such a child does, its signals, its exit code and its end are those of a command that was started
afresh; only the imports are shared, the seed of `hash()`, and the command line that `ps` shows.

Promises: one waiting process per test worker, which ends with it; a child has the environment, directory and
files that it is given, and a session of its own.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Protocol, TypedDict

COMMAND = Path(sys.executable).with_name("mailferry")
MAIN = "services.cli.__main__"
REPOSITORY = Path(__file__).parents[2]
FRESH = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "FAKETIME", "MALLOC_", "SSL_", "OPENSSL_")
"""How variables begin that Python or a library reads once, at its start."""
POLL_SECONDS = 0.005


class Request(TypedDict):
    """A command that is to be started: the `main` of a module."""

    module: str
    arguments: list[str]
    cwd: str
    env: dict[str, str]


class Child(Protocol):
    """What a test asks of a command that it started; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...


def start_mailferry(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    out: IO[bytes],
    err: IO[bytes],
    module: str = MAIN,
) -> Child:
    """Start a command, with nothing to read, in a session of its own; warm, if it is `COMMAND`.

    `module`: whose `main` then runs in place of the command's own.
    """
    if command[0] != str(COMMAND) or any(name.startswith(FRESH) for name in env):
        assert module == MAIN, "a command that is started afresh has its own `main`"
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    return _starter().start(module, command[1:], cwd, env, (out, err))


class WarmChild:
    """A command that the waiting process became."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self._ended = ended
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the command runs."""
        if self._code is None:
            with suppress(BlockingIOError):
                text = os.read(self._ended, 16)
                os.close(self._ended)
                self._code = int(text)  # nothing is there if the waiting process died, which no test survives
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code. Raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("mailferry", timeout or 0.0)
            time.sleep(POLL_SECONDS)
        return code

    def send_signal(self, sig: int, /) -> None:
        """Send a signal, if the command still runs."""
        if self.poll() is None:
            os.kill(self.pid, sig)


class _Starter:
    """The side of the test worker."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.warm_command", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
                cwd=REPOSITORY,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self._end)

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        files: Sequence[IO[bytes]],
    ) -> WarmChild:
        """Return the child that has become the command."""
        ended, tell = os.pipe()
        os.set_blocking(ended, False)
        request: Request = {
            "module": module,
            "arguments": [*arguments],
            "cwd": str(cwd),
            "env": dict(env),
        }
        socket.send_fds(
            self._ours, [json.dumps(request).encode()], [*(each.fileno() for each in files), tell]
        )
        os.close(tell)
        return WarmChild(int(self._ours.recv(16)), ended)

    def _end(self) -> None:
        self._ours.close()
        self._process.wait()


@cache
def _starter() -> _Starter:
    return _Starter()
