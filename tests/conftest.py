"""Real servers for tests. Each is started once per worker, and every test gets a fresh part of it.

A test that kills or wipes a server takes a private one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.collector import garbage_collector_restored
from tests.fakes.logs import logs_restored
from tests.servers.available import require, unavailable
from tests.servers.cyrus import PROGRAM as CYRUS
from tests.servers.cyrus import Cyrus
from tests.servers.directory import is_root, server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.pgbouncer import PgBouncer
from tests.servers.piped_imap import Courier, GnuImap
from tests.servers.postfix import Postfix
from tests.servers.postgres import Postgres, make_cluster
from tests.servers.rabbitmq import RabbitMq
from tests.servers.smtp_sink import SmtpSink
from tests.servers.unpacked import require_unpacked

# In CI each run draws the same examples, so a failure comes from a change. Elsewhere they are drawn anew.
EXAMPLES = settings.get_profile("ci" if "CI" in os.environ else "default")
# The time of an example depends on the load of the machine, not on the code.
settings.register_profile("mailferry", EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For `make unit`, which is run every few minutes. `make test` draws the full hundred for each property.
settings.register_profile("quick", settings.get_profile("mailferry"), max_examples=20)
settings.load_profile("mailferry")


@pytest.fixture(autouse=True)
def process_restored() -> Iterator[None]:
    """Restore what commands change in their process, the worker: its garbage collector and its logs."""
    with garbage_collector_restored(), logs_restored():
        yield


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """This worker's Dovecot; use `dovecot_user` or `dovecot.new_user()` for a mailbox."""
    require("dovecot")
    with server_directory("dovecot") as directory, Dovecot(directory) as server:
        yield server


@pytest.fixture
def dovecot_user(dovecot: Dovecot) -> Login:
    """A user of `dovecot` with an empty mailbox."""
    return dovecot.new_user()


@pytest.fixture(scope="session")
def cyrus() -> Iterator[Cyrus]:
    """This worker's Cyrus; use `cyrus.new_user()` for an account."""
    require_unpacked(CYRUS)
    # It writes every change to the disk, which nobody needs here.
    memory = Path("/dev/shm")  # noqa: S108 # a directory of its own is made there
    with (
        server_directory("cyrus", memory if memory.is_dir() else None) as directory,
        Cyrus(directory) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def courier() -> Iterator[Courier]:
    """This worker's Courier IMAP; use `courier.new_user()` for an account."""
    require_unpacked(Courier.program)
    with server_directory("courier") as directory, Courier(directory) as server:
        yield server


@pytest.fixture(scope="session")
def gnu_imap() -> Iterator[GnuImap]:
    """This worker's GNU imap4d; use `gnu_imap.new_user()` for an account."""
    require_unpacked(GnuImap.program)
    with server_directory("gnu") as directory, GnuImap(directory) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMq]:
    """This worker's RabbitMQ; use `rabbitmq_url` for a virtual host."""
    require("rabbitmq")
    with server_directory("rabbitmq") as directory, RabbitMq(directory) as server:
        yield server


@pytest.fixture
def rabbitmq_url(rabbitmq: RabbitMq) -> Iterator[str]:
    """The URL of an empty virtual host of `rabbitmq`, deleted afterwards."""
    name = rabbitmq.add_vhost()
    yield rabbitmq.url(name)
    rabbitmq.delete_vhost(name)


@pytest.fixture
def private_rabbitmq() -> Iterator[RabbitMq]:
    """A running RabbitMQ that the test may kill, wipe and start again."""
    require("rabbitmq")
    with server_directory("rabbitmq") as directory, RabbitMq(directory) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[Path]:
    """An empty PostgreSQL cluster, which the servers of this worker are copies of: initdb takes seconds."""
    require("postgres")
    with server_directory("postgres") as directory:
        yield make_cluster(directory)


@pytest.fixture(scope="session")
def postgres(postgres_template: Path) -> Iterator[Postgres]:
    """This worker's PostgreSQL; use `postgres_url` for a database."""
    with server_directory("postgres") as directory, Postgres(directory, template=postgres_template) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The URL of an empty database of `postgres`."""
    return postgres.create_database()


@pytest.fixture
def private_postgres(postgres_template: Path) -> Iterator[Postgres]:
    """A running PostgreSQL that the test may kill and start again."""
    with server_directory("postgres") as directory, Postgres(directory, template=postgres_template) as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgres: Postgres) -> Iterator[PgBouncer]:
    """This worker's PgBouncer in front of `postgres`, in transaction mode."""
    require("pgbouncer")
    with server_directory("pgbouncer") as directory, PgBouncer(directory, postgres) as server:
        yield server


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    """This worker's Postfix; each test uses addresses of its own."""
    require("postfix")
    if not is_root():
        unavailable("only root can start a Postfix")
    with server_directory("postfix") as directory, Postfix(directory) as server:
        yield server


@pytest.fixture
def smtp_sink() -> Iterator[SmtpSink]:
    """An SMTP server that accepts and keeps every mail."""
    require("smtp-sink")
    with server_directory("sink") as directory, SmtpSink(directory) as server:
        yield server


@pytest.fixture
def lmtp_sink() -> Iterator[SmtpSink]:
    """An LMTP server that accepts and keeps every mail, with one reply per recipient."""
    require("smtp-sink")
    with server_directory("sink") as directory, SmtpSink(directory, lmtp=True) as server:
        yield server
