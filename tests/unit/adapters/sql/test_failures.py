"""Which errors of PostgreSQL are an outage to be waited for, and which a mistake of ours."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from shared.adapters.sql.failures import meaning
from shared.ports.store import SchemaOutdated, StoreUnavailable

OUTAGES = [
    *("08000", "08003", "08006", "08P01"),  # connection lost; what a pooler refuses
    *("25006", "25P03"),  # read-only; this process was stopped in a transaction
    *("28000", "28P01", "3D000", "42501"),  # password, database or privilege
    *("40001", "40003", "40P01"),  # conflicts
    *("42P05", "26000"),  # a pooler gave us another session
    *("53100", "53200", "53300", "53400"),  # disk, memory, connections
    *("55000", "55006", "55P02", "55P03"),  # objects in use
    *("57014", "57P01", "57P02", "57P03", "57P04", "57P05"),  # an administrator, or the server's end
    *("58000", "58030", "58P01", "F0000", "P0001", "XX000", "XX001", "XX002"),  # the server itself
]
MISTAKES = ["0A000", "21000", "22001", "22021", "22P02", "23502", "23505", "25P02", "42601", "42883", "54001"]


def refused(sqlstate: str) -> DBAPIError:
    """SQLAlchemy's error for one of the driver's."""
    return DBAPIError("SELECT 1", None, errors.lookup(sqlstate)("the server said no"))


@pytest.mark.parametrize("sqlstate", OUTAGES)
def test_what_the_server_cannot_do_now_is_an_outage(sqlstate: str) -> None:
    told = meaning(refused(sqlstate), "PostgreSQL at db")
    assert isinstance(told, StoreUnavailable)
    assert told.temporary
    assert str(told).startswith("PostgreSQL at db")
    assert "the server said no" in str(told)


@pytest.mark.parametrize("sqlstate", MISTAKES)
def test_a_statement_that_no_server_would_take_is_a_mistake_of_ours(sqlstate: str) -> None:
    assert meaning(refused(sqlstate), "PostgreSQL at db") is None


@pytest.mark.parametrize("sqlstate", ["42P01", "42703", "3F000"])
def test_missing_tables_are_the_operators(sqlstate: str) -> None:
    assert isinstance(meaning(refused(sqlstate), "PostgreSQL at db"), SchemaOutdated)


def test_errors_of_the_driver_itself_go_by_their_kind() -> None:
    lost = OperationalError("SELECT 1", None, psycopg.OperationalError("the connection is lost"))
    wrong = ProgrammingError("SELECT 1", None, psycopg.ProgrammingError("too few parameters"))
    assert isinstance(meaning(lost, "PostgreSQL at db"), StoreUnavailable)
    assert meaning(wrong, "PostgreSQL at db") is None
