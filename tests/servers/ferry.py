"""Mailferry itself as a child process: the installed command, one configuration, its own log.

Promises: nothing of the tester's environment reaches it but what it needs to run; it is ended by its own id;
what it wrote can be read while it runs.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fakes.command import Ended, running
from tests.fakes.database import write_empty_database
from tests.servers.ports import LOOPBACK
from tests.servers.process import ServerError, ServerProcess, eventually
from tests.servers.warm_start import COMMAND

BACKUP_MARKER = "epoch+witness"
SQLITE = 'store.url = "sqlite:mailferry.db"'
POSTGRESQL = "postgresql://"
APART = ("fetcher", "router", "relay")
"""Services that read accounts from the registry alone; `run` and `once` apply their file themselves."""
OTHER_RELEASE = "PYTHONPATH"
"""The variable that makes a command that of another release, which knows no registry."""
PATIENCE = 40.0
"""Seconds for what takes one or two on an idle machine."""


class FerryProcess:
    """A running `mailferry` command that writes JSON lines."""

    def __init__(self, command: list[str], log: Path, environ: Mapping[str, str]) -> None:
        self._log = log
        self._process = ServerProcess(command, log=log, env=environ, warm=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    @property
    def output(self) -> str:
        """Standard output and error so far."""
        return self._log.read_text(errors="replace")

    def said(self, event: str) -> list[dict[str, Any]]:
        """The log's lines about `event`, in their order."""
        whole, _, _ = self.output.rpartition("\n")
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def wait_until(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Returns once `condition()` holds; `ServerError` if the process ends before, or too much time
        passes.
        """
        self._process.wait_until(lambda: bool(condition()), seconds)

    def ready(self) -> Self:
        """Return the process once its services run."""
        self.wait_until(lambda: self.said("started"))
        return self

    def page(self, path: str) -> tuple[int, str]:
        """Status and body of one of the health pages."""
        port = self.said("health pages served")[-1]["port"]
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def metric(self, sample: str) -> float:
        """The value of a sample such as `mailferry_relay_outcomes_total{status="delivered"}`; 0 where it is
        missing.
        """
        _, body = self.page("/metrics")
        values = [line.rpartition(" ")[2] for line in body.splitlines() if line.rpartition(" ")[0] == sample]
        return float(values[0]) if values else 0.0

    def send(self, what: signal.Signals) -> None:
        """Sends a signal to this process alone."""
        os.kill(self.pid, what)

    def ended(self) -> int:
        """Waits for its end; returns the exit code, negative for a signal."""
        if not eventually(lambda: not self.running, PATIENCE):
            raise ServerError(f"mailferry has not ended:\n{self.output[-5000:]}")
        return self._process.exit_code

    def terminate(self) -> int:
        """Sends TERM, waits for the end, and returns the exit code."""
        self.send(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        self._process.kill()


class Ferry:
    """Runs Mailferry with the configuration `text`, in a directory of its own.

    Where the configuration names the SQLite file mailferry.db, it is there, unless `database` is false. On
    PostgreSQL there is a key for secrets, unless `key` is false, and the file is applied before a service
    starts by itself.
    """

    def __init__(self, directory: Path, text: str, *, database: bool = True, key: bool = True) -> None:
        self.directory = directory
        self.path = directory / "mailferry.toml"
        self.path.touch(mode=0o600)
        self.path.write_text(text, encoding="utf-8")
        if database and SQLITE in text:
            write_empty_database(directory / "mailferry.db")
        self._environ = {"MAILFERRY_CONTROL__LISTEN": ""}
        if key and POSTGRESQL in text:
            file = directory / "secrets.key"
            file.touch(mode=0o600)
            file.write_text(base64.b64encode(bytes(range(32))).decode())
            self._environ["MAILFERRY_SECRETS__KEY_FILE"] = str(file)
        self._applied = ""
        self._numbers = count(1)
        self._started: list[FerryProcess] = []

    def call(self, *arguments: str, **environ: str) -> Ended:
        """Runs a command to its end."""
        with running(self._command(arguments), self.directory, self._environment(environ)) as command:
            return command.ended(PATIENCE)

    def start(self, service: str = "run", *arguments: str, **environ: str) -> FerryProcess:
        """Starts a service; it is killed at the end of the block if it runs still."""
        if service in APART and OTHER_RELEASE not in environ:
            self.apply()
        log = self.directory / f"{service}-{next(self._numbers)}.log"
        command = self._command(("--debug", service, *arguments))
        started = FerryProcess(command, log, self._environment(environ))
        self._started.append(started)
        return started

    def apply(self) -> None:
        """Applies the file to the registry, if it has changed since it was applied here."""
        if (text := self.path.read_text(encoding="utf-8")) != self._applied:
            done = self.call("apply")
            if done.code != 0:
                raise ServerError(f"the configuration was not applied: {done.err}")
            self._applied = text

    def blobs(self) -> list[Path]:
        """The blobs of mails that are there, unfinished ones included."""
        found = [path for path in (self.directory / "blobs").rglob("*") if path.is_file()]
        return [path for path in found if path.name != BACKUP_MARKER]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            process.kill()

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [str(COMMAND), *arguments, "-c", str(self.path)]

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        own = {} if OTHER_RELEASE in environ else self._environ
        return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **own, **environ}
