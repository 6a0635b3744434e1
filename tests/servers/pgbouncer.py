"""A private PgBouncer in transaction mode: many clients share a few sessions of a PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psycopg

from tests.servers.directory import give_to
from tests.servers.ports import free_port
from tests.servers.postgres import OWNER, SUPERUSER, Postgres, unprivileged
from tests.servers.process import ServerProcess
from tests.servers.server import Server, installed

SESSIONS: Final = 2
"""Fewer than a store has connections, so that a session changes hands between transactions."""

SETTINGS: Final = """\
[databases]
* = host={host} port={server} user={user}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
server_login_retry = 1
"""


class PgBouncer(Server):
    """A PgBouncer in front of `postgres`. `url` reaches any database of it."""

    def __init__(self, directory: Path, postgres: Postgres) -> None:
        super().__init__(directory)
        self.port = free_port()
        self._postgres = postgres

    def start(self) -> None:
        settings = self.directory / "pgbouncer.ini"
        settings.write_text(
            SETTINGS.format(
                host=self.host, server=self._postgres.port, user=SUPERUSER, port=self.port, sessions=SESSIONS
            ),
            encoding="utf-8",
        )
        give_to(OWNER, self.directory, settings)
        command = unprivileged([str(installed("pgbouncer")), str(settings)])
        self._process = ServerProcess(command, log=self.directory / "output")
        self._process.wait_until(self._answers)

    def url(self, direct: str) -> str:
        """Return the URL through this server for the URL `direct`."""
        return direct.replace(f":{self._postgres.port}/", f":{self.port}/")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(self._postgres.url("postgres")), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
