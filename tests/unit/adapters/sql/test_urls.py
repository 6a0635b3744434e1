"""The URL in the configuration names the database; what is wrong with it is said without its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.adapters.sql.engine import parse_url
from shared.model.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/lib/mailferry/mail.db", Path("/var/lib/mailferry/mail.db")),
        ("sqlite:////var/lib/mail.db", Path("/var/lib/mail.db")),
        ("sqlite:/var/lib/mail.db", Path("/var/lib/mail.db")),
        ("sqlite:///with%20space.db", Path("/with space.db")),
        ("sqlite:mail.db", Path.cwd() / "mail.db"),
    ],
)
def test_a_sqlite_url_names_a_file(url: str, path: Path) -> None:
    database = parse_url(url)
    assert (database.path, database.url) == (path, None)
    assert str(database) == f"SQLite file {path}"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_postgresql_url_names_a_server_and_a_database(scheme: str) -> None:
    database = parse_url(f"{scheme}://ferry:canary@db.example:5433/mail?sslmode=require")
    assert str(database) == "PostgreSQL at db.example:5433, database mail"
    assert database.url is not None
    assert database.url.drivername == "postgresql+psycopg"
    assert database.url.query["sslmode"] == "require"
    assert "canary" not in repr(database)


def test_a_local_socket_and_the_usual_port_are_understood() -> None:
    assert str(parse_url("postgresql:///mail")) == "PostgreSQL at the local socket:5432, database mail"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://ferry:canary@host/mail",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/mail.db",
        "sqlite:///dir/",
        "sqlite:///mail.db?mode=ro",
        "postgresql://ferry:canary@host",
        "postgresql://ferry:canary@host:port/mail",
    ],
)
def test_a_url_that_names_nothing_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="store url") as caught:
        parse_url(url)
    assert "canary" not in str(caught.value)
