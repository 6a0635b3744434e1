"""The environment of a campaign: real servers of its own, and Mailferry's services as processes that can be
suspended, killed and started again.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.servers.available import require
from tests.servers.directory import is_root, server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq

CANARY = "canary-5hXw"
SERVICES = ("router", "relay", "fetcher-1", "fetcher-2")
NORTH, SOUTH, KEEPER = ACCOUNTS = ("north", "south", "keeper")
PEOPLE = ("bob@corp.example", "eve@corp.example")
REFUSED = "refused@corp.example"
LEASES = 'account = "2s"\nmessage = "4s"'
INLINE_LIMIT = 8 * 1024
BLOB_DISK = "16m"
CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }')


class Testbed:
    """The servers and the services."""

    def __init__(
        self, dovecot: Dovecot, postgres: Postgres, rabbitmq: RabbitMq, target: SmtpServer, directory: Path
    ) -> None:
        self.dovecot = dovecot
        self.postgres = postgres
        self.rabbitmq = rabbitmq
        self.target = target
        self.database = postgres.create_database()
        self.ferry = Ferry(directory, self._configured())
        self.clock = directory / "clock"
        self.processes: dict[str, FerryProcess] = {}
        self.ended: list[FerryProcess] = []
        self.blob_disk = directory / "blobs"
        self.has_blob_disk = _mounted(self.blob_disk)
        self.set_clock("+0")

    def start(self, name: str, **environ: str) -> FerryProcess:
        """Start one of the services, with the clock of the testbed."""
        environment = {**self._wrong_clock(), **environ}
        process = self.processes[name] = self.ferry.start(name.partition("-")[0], **environment)
        return process

    def kill(self, name: str) -> None:
        """Kill one of the services."""
        self.processes[name].kill()
        self.ended.append(self.processes.pop(name))

    def running(self) -> bool:
        """Whether all started services run."""
        return all(process.running for process in self.processes.values())

    def set_clock(self, offset: str) -> None:
        """Move the clock of all services, for example by `+40d`."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(f"{offset}\n")
        fresh.replace(self.clock)

    def mails_left(self) -> int:
        """Return how many mails are still at their sources."""
        return sum(self.dovecot.remaining_count(name) for name in (NORTH, SOUTH))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with psycopg.connect(self.database) as connection:
            return connection.execute(query.encode()).fetchall()

    def logs(self) -> str:
        """Return all output of the services so far."""
        return "".join(process.output for process in [*self.ended, *self.processes.values()])

    def close(self) -> None:
        for process in self.processes.values():
            if process.running:
                process.send(signal.SIGCONT)
        self.ferry.__exit__(None, None, None)
        if self.has_blob_disk:
            subprocess.run(["umount", "--lazy", str(self.blob_disk)], check=True)

    def _wrong_clock(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(require("faketime")),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def _configured(self) -> str:
        store = self.database.replace("mailferry@", f"mailferry:{CANARY}-store@")
        accounts = [
            account(name, self.dovecot.pop3_port, Login(name, f"{CANARY}-{name}"), *CATCH_ALL, *more)
            for name, more in ((NORTH, ()), (SOUTH, ()), (KEEPER, ('retention = "keep"',)))
        ]
        text = configuration(
            accounts,
            servers=f'store.url = "{store}"\nbroker.url = "{self.rabbitmq.url()}"',
            leases=LEASES,
            fetcher=f"window_messages = 30\ninline_limit = {INLINE_LIMIT}",
            target=self.target.port,
        )
        return text.replace("[relay]", '[relay]\ngive_up = "400d"')


@contextmanager
def running_testbed() -> Iterator[Testbed]:
    """Start a testbed without services."""
    with (
        server_directory("dovecot") as for_dovecot,
        Dovecot(for_dovecot) as dovecot,
        server_directory("postgres") as for_postgres,
        Postgres(for_postgres) as postgres,
        server_directory("rabbitmq") as for_rabbitmq,
        RabbitMq(for_rabbitmq) as rabbitmq,
        in_background(SmtpServer(recipients={REFUSED: "554 5.7.1 Not here"})) as target,
        server_directory("ferry") as directory,
    ):
        for name in ACCOUNTS:
            dovecot.add_user(name, f"{CANARY}-{name}")
        made = Testbed(dovecot, postgres, rabbitmq, target, directory)
        try:
            for command in (("db", "upgrade"), ("topology", "apply")):
                ended = made.ferry.call(*command)
                assert ended.code == 0, ended.err
            yield made
        finally:
            made.close()


def _mounted(place: Path) -> bool:
    """Mount a small disk at `place`. Return whether that succeeded, which needs root."""
    place.mkdir()
    if not is_root():
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={BLOB_DISK}", "tmpfs", str(place)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
