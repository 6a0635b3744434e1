"""A PostgreSQL that hangs, or is read-only for a while, costs time and no mail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tagged_mails
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgres import Postgres

BOB = "bob@corp.example"
LEASES = 'account = "3s"\nmessage = "5s"'
SERVICES = ("router", "relay", "fetcher")
UNAVAILABLE, AVAILABLE = "the database cannot be used", "the database can be used again"


class Crossing:
    """Mailferry with a mailbox of bob's, few mails at a time."""

    def __init__(self, dovecot: Dovecot, tmp_path: Path, target: SmtpServer, store: str, broker: str) -> None:
        self._dovecot, self.target = dovecot, target
        self._login: Login = dovecot.new_user()
        self.mails: list[Tagged] = []
        text = configuration(
            [account("bob", dovecot.pop3_port, self._login)],
            servers=f'store.url = "{store}"\nstore.deadline = "3s"\nbroker.url = "{broker}"',
            leases=LEASES,
            fetcher="window_messages = 10",
            target=target.port,
        )
        self.ferry = Ferry(tmp_path, text)

    def send(self, count: int) -> None:
        """Put mails into the mailbox."""
        more = tagged_mails(f"away-{len(self.mails)}", count)
        self._dovecot.fill(self._login.name, [mail.raw for mail in more])
        self.mails += more

    def has_accepted(self, mails: int) -> Callable[[], bool]:
        return lambda: len(self.target.accepted) >= mails

    def is_over(self) -> bool:
        return self._dovecot.remaining_count(self._login.name) == 0

    def was_whole(self) -> None:
        """Assert that everything arrived, and only attempts in doubt are duplicated."""
        records = Records(self.ferry.path)
        records.assert_journal_agrees(len(self.mails))
        assert_arrived_whole(self.target.accepted, self.mails)
        arrived = copies(self.target.accepted)
        assert arrived.keys() == {(mail.tag, BOB) for mail in self.mails}
        assert_no_duplicates(arrived, records.in_doubt([BOB]))


def is_unready(process: FerryProcess) -> bool:
    return process.page("/readyz")[0] == 503 and process.metric("mailferry_store_up") == 0


def is_ready(process: FerryProcess) -> bool:
    return process.page("/readyz")[0] == 200 and process.metric("mailferry_store_up") == 1


@pytest.mark.kill
def test_fault_30_a_database_that_hangs_is_reported_and_costs_no_mail(
    dovecot: Dovecot, private_postgres: Postgres, tmp_path: Path
) -> None:
    with in_background(SmtpServer()) as target:
        crossing = Crossing(dovecot, tmp_path, target, private_postgres.create_database(), "memory:")
        with crossing.ferry as ferry:
            assert ferry.call("db", "upgrade").code == 0
            process = ferry.start().ready()
            for outage in (1, 2):
                process.wait_until(lambda: is_ready(process))
                done = len(target.accepted)
                crossing.send(60)
                process.wait_until(crossing.has_accepted(done + 10))
                with private_postgres.suspended():
                    process.wait_until(lambda: is_unready(process))
                    process.wait_until(lambda: len(process.said(UNAVAILABLE)) == outage)  # noqa: B023
                    assert process.page("/livez")[0] == 200
                process.wait_until(lambda: len(process.said(AVAILABLE)) == outage)  # noqa: B023
            process.wait_until(crossing.is_over)
            assert process.terminate() == 0
            crossing.was_whole()


def test_a_database_that_is_read_only_for_a_while_ends_no_service(
    dovecot: Dovecot, private_postgres: Postgres, rabbitmq_url: str, tmp_path: Path
) -> None:
    url = private_postgres.create_database()
    name = url.rpartition("/")[2]
    end_sessions = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mailferry'"
    )
    with in_background(SmtpServer()) as target:
        crossing = Crossing(dovecot, tmp_path, target, url, rabbitmq_url)
        with crossing.ferry as ferry:
            assert ferry.call("db", "upgrade").code == 0
            assert ferry.call("topology", "apply").code == 0
            processes = [ferry.start(each).ready() for each in SERVICES]
            crossing.send(30)
            processes[0].wait_until(crossing.has_accepted(5))
            setting = f"ALTER DATABASE {name} SET default_transaction_read_only ="
            private_postgres.execute("postgres", f"{setting} on", end_sessions)
            crossing.send(30)
            for each in processes:
                each.wait_until(lambda: is_unready(each))  # noqa: B023
                assert "may only be read" in each.page("/readyz")[1]
            private_postgres.execute("postgres", f"{setting} off")
            processes[0].wait_until(crossing.is_over)
            for each in processes:
                each.wait_until(lambda: is_ready(each))  # noqa: B023
                assert "mistake" not in each.output
                assert each.terminate() == 0
            crossing.was_whole()


def test_pgbouncer_in_transaction_mode_carries_everything(
    dovecot: Dovecot, private_postgres: Postgres, tmp_path: Path
) -> None:
    require("pgbouncer")
    url = private_postgres.create_database()
    with (
        in_background(SmtpServer()) as target,
        server_directory("pgbouncer") as directory,
        PgBouncer(directory, private_postgres) as pgbouncer,
    ):
        crossing = Crossing(dovecot, tmp_path, target, pgbouncer.url(url), "memory:")
        with crossing.ferry as ferry:
            crossing.send(100)
            assert ferry.call("db", "upgrade").code == 0
            process = ferry.start()
            process.wait_until(crossing.has_accepted(50))
            with private_postgres.suspended():
                process.wait_until(lambda: is_unready(process))
            process.wait_until(crossing.is_over)
            assert ferry.call("journal", "verify").code == 0
            assert process.terminate() == 0
            crossing.was_whole()
