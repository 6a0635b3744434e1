"""Connections to PostgreSQL that behave as the store needs, also through a pooler.

PgBouncer in transaction mode gives each transaction any free server session. So nothing is left in a session:
settings hold for one transaction (`SET LOCAL`), and statements are not prepared by name.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event

from shared.adapters.sql.calls import Call, call_under_way
from shared.adapters.sql.engine import KEYS_ONLY
from shared.adapters.sql.postgres_driver import Driver, execute
from shared.ports.store import StoreUnavailable

CONNECT_SECONDS = 10
KEEPALIVES = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""Seconds; a server that vanished from the network is noticed within a minute."""
WRITING = "READ COMMITTED"
"""Each statement sees what was committed before it began, so rows are read after they were locked."""
READING = "REPEATABLE READ"
"""All statements see the state of one moment."""
IDLE_IN_TRANSACTION = "60s"
"""A process that is stopped within a transaction must not hold its locks for ever."""
ENCODINGS = frozenset({"UTF8", "SQL_ASCII"})
"""The encodings of a database that can hold any text.

SQL_ASCII keeps octets as they come, and we send UTF-8.
"""


def postgres_engine(url: URL, connections: int, deadline: float) -> Engine:
    """Return an engine for short transactions on a few rows of large tables; each begins with `begin`."""
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        connect_args={
            "application_name": "mailferry",
            "client_encoding": "utf8",
            "autocommit": True,  # `begin` says BEGIN, in one round trip with all that belongs to it
            "connect_timeout": max(2, min(CONNECT_SECONDS, int(deadline))),  # libpq takes 1 for 2
            "tcp_user_timeout": round(deadline * 1000),
            **KEEPALIVES,
        },
        use_native_hstore=False,
    )
    # First of all, before SQLAlchemy asks the server anything.
    event.listen(engine, "connect", _prepare, insert=True)
    return engine


def begin(connection: Connection, isolation: str, seconds: float) -> None:
    """Begin a transaction in which no statement takes longer than `seconds`.

    A plan made while a table was empty must not scan it when it has grown. What the planner is told to avoid
    looks so expensive to it that it would compile the statement first (jit).
    """
    settings = {
        "statement_timeout": round(seconds * 1000),
        "idle_in_transaction_session_timeout": f"'{IDLE_IN_TRANSACTION}'",
        "jit": "off",
        **dict.fromkeys(KEYS_ONLY, "off"),
    }
    local = "".join(f"; SET LOCAL {name} = {value}" for name, value in settings.items())
    execute(connection, f"BEGIN ISOLATION LEVEL {isolation}{local}")


@contextmanager
def broken_off_when_late(driver: Driver, call: Call | None) -> Iterator[None]:
    """Break the connection off if the call passes its deadline inside.

    Its thread may be waiting for a server that has stopped; it then meets the end of the connection.
    """
    ours = None if call is None else _duplicate(driver)
    if call is None or ours is None:
        yield
        return

    def break_off() -> None:
        with suppress(OSError):  # it is broken already
            ours.shutdown(socket.SHUT_RDWR)

    with ours, call.broken_off_by(break_off):
        yield


def _duplicate(driver: Driver) -> socket.socket | None:
    """The driver's socket under a descriptor of its own, which only we close; None where the connection is
    lost, as the next statement will report.
    """
    try:
        return socket.socket(fileno=os.dup(driver.fileno()))
    except (psycopg.Error, OSError):
        return None


def _prepare(driver: Driver, _record: object) -> None:
    """Refuse a database that cannot hold every text; do not prepare statements behind a pooler.

    A pooler is recognised by the process id that it names, which it invents. Behind one, a statement prepared
    in one transaction is unknown in the next.
    """
    with broken_off_when_late(driver, call_under_way()):
        encoding = driver.info.parameter_status("server_encoding") or ""
        if encoding not in ENCODINGS:
            raise StoreUnavailable(
                f"the database {driver.info.dbname} has encoding {encoding}, which cannot hold every mail's "
                "header: create it with ENCODING 'UTF8' TEMPLATE template0"
            )
        row = driver.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
        if row is None or row[0] != driver.info.backend_pid:
            driver.prepare_threshold = None
