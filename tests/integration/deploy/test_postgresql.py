"""PostgreSQL takes the settings and roles of `deploy/postgresql/`, and Mailferry works with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from tests.fakes.command import REPOSITORY
from tests.fakes.tools import checked
from tests.servers.directory import give_to
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import configuration
from tests.servers.ports import free_port
from tests.servers.postgres import OWNER, SETTINGS, Postgres
from tests.servers.process import eventually

FILES = REPOSITORY / "deploy" / "postgresql"


def test_the_server_takes_every_setting(private_postgres: Postgres) -> None:
    data = private_postgres.directory / "data"
    shutil.copy(FILES / "mailferry.conf", data / "mailferry.conf")
    give_to(OWNER, data / "mailferry.conf")
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("\ninclude 'mailferry.conf'\n")
    private_postgres.stop()
    private_postgres.start()
    with psycopg.connect(private_postgres.url("postgres")) as connection:
        query = "SELECT name FROM pg_file_settings WHERE error IS NOT NULL"
        wrong = {str(name) for (name,) in connection.execute(query)}
        # What the test server sets on its command line goes before any file.
        assert wrong - SETTINGS.keys() == set()
        shown = connection.execute("SHOW autovacuum_vacuum_scale_factor").fetchone()
        assert shown == ("0.05",)
        for promise in ("fsync", "synchronous_commit"):
            assert connection.execute(f"SHOW {promise}".encode()).fetchone() == ("on",)


def test_the_roles_may_do_what_they_need_and_no_more(private_postgres: Postgres, tmp_path: Path) -> None:
    # The superuser of the test server has the name that the file gives to the role of Mailferry.
    text = (FILES / "create-database.sql").read_text().replace("mailferry_backup", "ferry_backup")
    script = tmp_path / "create.sql"
    script.write_text(
        text.replace("ROLE mailferry ", "ROLE ferry ").replace("OWNER mailferry ", "OWNER ferry ")
    )
    url = private_postgres.url("postgres")
    checked("psql", url, "--quiet", "-v", "ON_ERROR_STOP=1", "-v", "password='secret'", "-f", script)
    database = private_postgres.url("mailferry")
    own, backup = (database.replace("mailferry@", f"{role}@", 1) for role in ("ferry", "ferry_backup"))
    servers = f'store.url = "{own}"\nbroker.url = "memory:"'
    with Ferry(tmp_path, configuration([], servers=servers, target=free_port())) as ferry:
        upgraded = ferry.call("db", "upgrade")
        assert upgraded.code == 0, upgraded.err
        process = ferry.start().ready()
        assert eventually(lambda: process.page("/readyz")[0] == 200)
        process.terminate()
    checked("pg_dump", "--file", tmp_path / "dump", "--format=custom", f"--dbname={backup}")
    with psycopg.connect(backup) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM accounts")
