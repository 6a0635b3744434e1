"""A private PostgreSQL: a cluster of its own, with as many databases as tests want.

Promises: what it has committed survives `kill`, as in production, unless `durable=False` asks for
speed instead.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

from tests.servers.directory import current_user, give_to, is_root
from tests.servers.ports import free_port
from tests.servers.process import ServerError, ServerProcess, processes_of
from tests.servers.server import Server, installed

OWNER: Final = "postgres"
"""The system user that runs the server when root starts it; PostgreSQL refuses to run as root."""
SUPERUSER: Final = "mailferry"

SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "log_min_messages": "warning",
    "autovacuum_naptime": "10s",
    "timezone": "UTC",
}
CARELESS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """One cluster. The superuser `mailferry` needs no password on the loopback address.

    It is a copy of the directory `template` (see `make_cluster`), or else made by initdb, which takes longer.
    """

    def __init__(self, directory: Path, *, durable: bool = True, template: Path | None = None) -> None:
        super().__init__(directory)
        self._template = template
        self._settings = SETTINGS if durable else {**SETTINGS, **CARELESS}
        self._data = directory / "data"
        self._numbers = count(1)
        self.port = free_port()

    def start(self) -> None:
        if not self._data.exists() and self._template is None:
            make_cluster(self.directory)
        elif not self._data.exists():
            give_to(OWNER, self.directory)
            _run(["cp", "-a", str(self._template), str(self._data)])
        options = {**self._settings, "port": str(self.port), "unix_socket_directories": str(self.directory)}
        command = [str(installed("postgres")), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._process = ServerProcess(unprivileged(command), log=self.directory / "output")
        self._process.wait_until(self._answers)

    def stop(self) -> None:
        """A fast shutdown: sessions are ended, the cluster is consistent."""
        if self._process:
            self._process.stop(signal.SIGINT)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Suspends all its processes (SIGSTOP): it accepts connections and answers nothing."""
        processes = processes_of(self.directory)
        for each in processes:
            os.kill(each, signal.SIGSTOP)
        try:
            yield
        finally:
            for each in processes:
                with suppress(ProcessLookupError):  # ended meanwhile
                    os.kill(each, signal.SIGCONT)

    def create_database(self, options: str = "") -> str:
        """Creates an empty database and returns its URL; `options` are those of CREATE DATABASE."""
        name = f"test_{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name} {options}")
        return self.url(name)

    def execute(self, database: str, *statements: str) -> None:
        """Executes statements as the superuser, each in a transaction of its own."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for each in statements:
                connection.execute(each.encode())

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@{self.host}:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def make_cluster(directory: Path) -> Path:
    """Makes an empty cluster in `directory` and returns its own directory."""
    give_to(OWNER, directory)
    data = directory / "data"
    command = [str(installed("postgres").parent / "initdb"), "-D", str(data), "-U", SUPERUSER]
    command += ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
    _run(command)
    return data


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(unprivileged(command), check=False, capture_output=True, cwd="/")
    if done.returncode != 0:
        error = done.stderr.decode(errors="replace")
        raise ServerError(f"{command[0]} ended with {done.returncode}:\n{error}")


def unprivileged(command: Sequence[str]) -> list[str]:
    """The command, run as `OWNER` where root runs it."""
    if not is_root() or current_user() == OWNER:
        return list(command)
    return ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "--", *command]
