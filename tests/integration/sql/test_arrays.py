"""Array literals mean the same to PostgreSQL as the columns that they were made from."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.sql.bulk_postgres import bytes_array, number_array, text_array
from tests.servers.postgres import Postgres

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["", "NULL", "null", '"', "\\", "{}", ",", ";", "N", '","', "\x01", " "]
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**52), 2**52).map(float)


@pytest.fixture(scope="module")
def connection(postgres: Postgres) -> psycopg.Connection:
    return psycopg.connect(postgres.create_database(), autocommit=True)


@pytest.fixture(scope="module", autouse=True)
def closed_at_the_end(connection: psycopg.Connection) -> object:
    yield
    connection.close()


READING = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(connection: psycopg.Connection, literal: str, type_: str) -> object:
    row = connection.execute(f"SELECT %s::{type_}[]", (literal,)).fetchone()
    assert row is not None
    return row[0]


@READING
@given(st.lists(TEXT | st.none(), max_size=12))
def test_text_comes_back_as_it_was(connection: psycopg.Connection, values: list[str | None]) -> None:
    assert read(connection, text_array(values), "text") == values


@READING
@given(st.lists(NUMBERS | st.none(), max_size=12))
def test_numbers_come_back_as_they_were(connection: psycopg.Connection, values: list[float | None]) -> None:
    assert read(connection, number_array(values), "double precision") == values


@READING
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=12))
def test_whole_numbers_come_back_as_they_were(connection: psycopg.Connection, values: list[int]) -> None:
    assert read(connection, number_array(values), "bigint") == values


def test_truth_values_come_back_as_they_were(connection: psycopg.Connection) -> None:
    assert read(connection, number_array([True, False, None]), "boolean") == [True, False, None]


@READING
@given(st.lists(st.binary(max_size=30), max_size=12))
def test_octets_come_back_as_they_were(connection: psycopg.Connection, values: list[bytes]) -> None:
    assert read(connection, bytes_array(values), "bytea") == values


def test_text_that_was_not_made_safe_is_refused() -> None:
    for values in (["\0"], ["a\0;b"], [None, "\0N"]):
        with pytest.raises(ValueError, match="NUL"):
            text_array(values)
