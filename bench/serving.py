"""The control service at work, with its fetcher where both are one process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.ferry import COMMAND, SERVICES, BenchError
from bench.registry import Place
from bench.usage import usage
from tests.servers.ports import LOOPBACK, free_port, greets
from tests.servers.process import eventually

PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Serving:
    """Processes of Mailferry, and the port of API and console."""

    pids: Sequence[int]
    port: int

    def cpu(self) -> float:
        """The CPU seconds that they have used."""
        return sum(usage(pid).cpu for pid in self.pids)

    def peak(self) -> int:
        """The most memory of one of them, in bytes."""
        return max(usage(pid).peak for pid in self.pids)


@contextmanager
def served(place: Place, config: str, *, carrying: bool = False) -> Iterator[Serving]:
    """Serve API and console: by `mailferry run` on SQLite, else by `mailferry control`, with the other
    services beside it if `carrying`.
    """
    port = free_port()
    listening = {"MAILFERRY_CONTROL__LISTEN": f"{LOOPBACK}:{port}"}
    command = "run" if place.service == "run" else "control"
    others = SERVICES if carrying and command == "control" else ()
    with ExitStack() as stack:
        pids = [
            stack.enter_context(child([COMMAND, each, "-c", config], listening, place, each))
            for each in (*others, command)
        ]
        asked = f"GET /sign-in HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n".encode()
        if not eventually(lambda: greets(port, b"HTTP/1.1 200", says=asked), PATIENCE):
            raise BenchError(f"the console was not served, see {place.home}/{command}.log")
        yield Serving(pids, port)


@contextmanager
def child(command: Sequence[object], environ: Mapping[str, str], place: Place, name: str) -> Iterator[int]:
    """Run a process, and yield its id; its output goes to a file of that name."""
    with (place.home / f"{name}.log").open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environ},
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
