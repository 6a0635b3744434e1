"""A server as a child process: started, awaited, ended by its own id.

Promises: output goes to a file in the server's directory; waiting is bounded and is over at once if the
process dies; an end ends all that the server itself started: its process group, and when it is killed also
the children that left it (each process of PostgreSQL leads a session of its own).
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.servers.warm_start import Child, start_mailferry

START_SECONDS = 60.0
"""Long enough for a cold RabbitMQ on a busy machine with two cores."""
STOP_SECONDS = 20.0
ORPHAN_SECONDS = 1.0
"""Seconds in which a server's children may end after it."""
POLL_SECONDS = 0.02


class ServerError(Exception):
    """A test server did not start, answer or stop; the text ends with the last lines it wrote."""


class ServerProcess:
    """One child process in a session of its own, with its output in `log`."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        warm: bool = False,
    ) -> None:
        """`warm`: the command is `mailferry`, and need not import everything anew."""
        self._name = Path(command[0]).name
        self._log = log
        self._ended = False
        with log.open("ab") as output:
            if warm:
                self._child: Child = start_mailferry(
                    command, cwd=log.parent, env=env or {}, out=output, err=output
                )
            else:
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=None if env is None else dict(env),
                    cwd=log.parent,
                    start_new_session=True,
                )
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def exit_code(self) -> int:
        """The exit code, negative for a signal; `ServerError` while the process runs."""
        code = self._child.poll()
        if code is None:
            raise ServerError(f"{self._name} is running")
        return code

    def wait_until(self, ready: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Returns as soon as `ready()` holds; `ServerError` if the process ends or `seconds` pass before."""
        decided = eventually(lambda: ready() or not self.running, seconds)
        if not self.running:
            self.kill()
            raise ServerError(f"{self._name} ended with {self._child.poll()}:\n{self.last_output()}")
        if not decided:
            self.kill()
            raise ServerError(f"{self._name} was not ready after {seconds} s:\n{self.last_output()}")

    def stop(self, ask: signal.Signals = signal.SIGTERM) -> None:
        """Asks the process to end; what is left of its group after a while is killed."""
        if self.running:
            self._child.send_signal(ask)
            eventually(lambda: not self.running, STOP_SECONDS)
            eventually(lambda: not _group_members(self.pid), ORPHAN_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends all its processes at once (kill -9), returns when they are gone; no effect a second time."""
        if self._ended:
            return
        self._ended = True
        atexit.unregister(self.kill)
        departed = self._descendants_outside_group()
        with suppress(ProcessLookupError):  # nothing of the group is left
            os.killpg(self.pid, signal.SIGKILL)
        for process in departed:
            with suppress(ProcessLookupError):  # it ended with its parent
                os.kill(process, signal.SIGKILL)
        self._child.wait(STOP_SECONDS)
        if not eventually(lambda: not self._alive(departed), STOP_SECONDS):
            raise ServerError(f"{self._name}: {self._alive(departed)} survived being killed")

    def _descendants_outside_group(self) -> set[int]:
        """They are listed while their parent is suspended, so that no new one starts."""
        if not self.running:
            return set()
        self._child.send_signal(signal.SIGSTOP)
        processes = _processes()
        outside, parents = set[int](), {self.pid}
        while parents:
            children = [each for each in processes if each.parent in parents]
            outside |= {each.pid for each in children if each.group != self.pid}
            parents = {each.pid for each in children}
        return outside

    def _alive(self, departed: set[int]) -> set[int]:
        return {each.pid for each in _processes() if each.group == self.pid or each.pid in departed}

    def last_output(self, lines: int = 30) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])


def eventually(condition: Callable[[], bool], seconds: float = START_SECONDS) -> bool:
    """Whether `condition()` came true within `seconds`; it is asked again and again."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def processes_of(directory: Path) -> set[int]:
    """Ids of the processes that work in `directory` or name it in their command line.

    A server's children may leave its session and its group, but not its directory.
    """
    return {int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _belongs_to(entry, str(directory))}


def _belongs_to(entry: Path, directory: str) -> bool:
    try:
        works_in = str((entry / "cwd").readlink())
        command = (entry / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False  # ended meanwhile, or somebody else's
    return works_in.startswith(directory) or directory in command


def _group_members(group: int) -> set[int]:
    return {process.pid for process in _processes() if process.group == group}


class _Process(NamedTuple):
    pid: int
    parent: int
    group: int


def _processes() -> list[_Process]:
    """All running processes, without zombies."""
    running = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # ended meanwhile
        if state != "Z":
            running.append(_Process(int(entry.name), int(parent), int(group)))
    return running
