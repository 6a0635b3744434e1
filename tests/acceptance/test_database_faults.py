"""A database that is killed again and again, or whose disk is full, costs time and no mail."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tagged_mails
from tests.servers.available import unavailable
from tests.servers.directory import is_root
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies
from tests.servers.postgres import Postgres

BOB = "bob@corp.example"
LEASES = 'account = "2s"\nmessage = "3s"'


def all_is_well(target: SmtpServer, mails: list[Tagged], records: Records) -> None:
    records.assert_journal_agrees(len(mails))
    assert_arrived_whole(target.accepted, mails)
    arrived = copies(target.accepted)
    assert arrived.keys() == {(mail.tag, BOB) for mail in mails}
    assert_no_duplicates(arrived, records.in_doubt([BOB]))


def has_accepted(target: SmtpServer, mails: int) -> Callable[[], bool]:
    return lambda: len(target.accepted) >= mails


def configured(dovecot: Dovecot, login: Login, servers: str, target: SmtpServer) -> str:
    return configuration(
        [account("bob", dovecot.pop3_port, login)],
        servers=servers,
        leases=LEASES,
        fetcher="window_messages = 10",
        target=target.port,
    )


@pytest.mark.kill
def test_fault_30_a_database_killed_again_and_again_costs_no_mail(
    dovecot: Dovecot, private_postgres: Postgres, tmp_path: Path
) -> None:
    login, mails = dovecot.new_user(), tagged_mails("database", 150)
    dovecot.fill(login.name, [mail.raw for mail in mails])
    servers = f'store.url = "{private_postgres.create_database()}"\nbroker.url = "memory:"'
    with (
        in_background(SmtpServer()) as target,
        Ferry(tmp_path, configured(dovecot, login, servers, target)) as ferry,
    ):
        assert ferry.call("db", "upgrade").code == 0
        process = ferry.start()
        for accepted in (10, 50, 90):
            process.wait_until(has_accepted(target, accepted))
            private_postgres.kill()
            process.wait_until(lambda: process.page("/readyz")[0] == 503)
            assert process.page("/livez")[0] == 200
            private_postgres.start()
        process.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
        process.wait_until(lambda: process.page("/readyz")[0] == 200)
        assert process.terminate() == 0
        all_is_well(target, mails, Records(ferry.path))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of sixteen megabytes."""
    if not is_root():
        unavailable("only root can mount a small disk")
    disk = tmp_path / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_fault_32_a_full_disk_under_the_database_stops_fetching_until_there_is_room(
    dovecot: Dovecot, small_disk: Path, tmp_path: Path
) -> None:
    login, mails = dovecot.new_user(), tagged_mails("full", 60)
    servers = f'store.url = "sqlite://{small_disk}/mailferry.db"\nbroker.url = "memory:"'
    with (
        in_background(SmtpServer()) as target,
        Ferry(tmp_path, configured(dovecot, login, servers, target)) as ferry,
    ):
        process = ferry.start().ready()
        ballast = small_disk / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:  # until it is full
            while True:
                file.write(bytes(4096))
        dovecot.fill(login.name, [mail.raw for mail in mails])
        process.wait_until(lambda: "database or disk is full" in process.output)
        assert process.page("/livez")[0] == 200
        ballast.unlink()
        process.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
        assert process.terminate() == 0
        all_is_well(target, mails, Records(ferry.path))
