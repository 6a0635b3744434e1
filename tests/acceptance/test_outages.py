"""An outage is reported in a sentence and retried. When it ends, mail flows again and none is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tagged_mails
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq

BOB = "bob@corp.example"
LOGIN = Login("bob", "secret")


@pytest.fixture
def late_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that was not started yet."""
    require("postgres")
    with server_directory("postgres") as directory:
        server = Postgres(directory)
        yield server
        server.stop()


@pytest.fixture
def late_rabbitmq() -> Iterator[RabbitMq]:
    """A RabbitMQ that was not started yet."""
    require("rabbitmq")
    with server_directory("rabbitmq") as directory:
        server = RabbitMq(directory)
        yield server
        server.stop()


def colours(records: Records) -> dict[str, tuple[str, str]]:
    """Colour and sentence of the account and the target."""
    shown = json.loads(records.output_of("status", "-o", "json"))
    (account_row,), (target_row,) = shown["accounts"], shown["targets"]
    return {
        "source": (account_row["colour"], account_row["sentence"]),
        "target": (target_row["colour"], target_row["sentence"]),
    }


def is_unreachable(records: Records, which: str, port: int) -> bool:
    """Whether the status is red because nothing listens on `port`."""
    colour, sentence = colours(records)[which]
    return colour == "red" and f"Connecting to 127.0.0.1:{port} failed: Connection refused" in sentence


def test_a_source_and_a_target_that_start_late_are_served_when_they_are_up(tmp_path: Path) -> None:
    mails = tagged_mails("late", 5)
    source, target = Pop3Server({"bob": [(each.tag, each.raw) for each in mails]}), SmtpServer()
    source.port, target.port = free_port(), free_port()
    text = configuration([account("bob", source.port, LOGIN)], target=target.port)
    with Ferry(tmp_path, text) as ferry:
        records, process = Records(ferry.path), ferry.start().ready()
        process.wait_until(lambda: process.metric('mailferry_fetcher_visits_total{outcome="failed"}') >= 2)
        process.wait_until(lambda: is_unreachable(records, "source", source.port))

        with in_background(source):
            process.wait_until(lambda: process.metric("mailferry_relay_targets_out") == 1)
            process.wait_until(lambda: colours(records)["source"][0] != "red")
            process.wait_until(lambda: is_unreachable(records, "target", target.port))
            assert source.deleted("bob") == []
            assert process.page("/readyz")[0] == 200

            with in_background(target):
                process.wait_until(lambda: len(source.deleted("bob")) == len(mails))
                process.wait_until(lambda: colours(records)["target"][0] == "green")
                assert process.terminate() == 0
    assert_arrived_whole(target.accepted, mails)
    assert copies(target.accepted) == {(mail.tag, BOB): 1 for mail in mails}
    records.assert_journal_agrees(len(mails))


def test_a_target_that_is_down_holds_up_only_its_own_mail(dovecot: Dovecot, tmp_path: Path) -> None:
    stuck, free = dovecot.new_user(), dovecot.new_user()
    held, carried = tagged_mails("held", 30), tagged_mails("carried", 10)
    dovecot.fill(stuck.name, [mail.raw for mail in held])
    dead = f"""
[[targets]]
name = "dead"
url = "smtp://127.0.0.1:{free_port()}"
tls = "off"
"""
    accounts = [
        account("stuck", dovecot.pop3_port, stuck, 'target = "dead"'),
        account("free", dovecot.pop3_port, free),
    ]
    with in_background(SmtpServer()) as target:
        text = configuration([dead, *accounts], target=target.port, fetcher="window_messages = 20")
        with Ferry(tmp_path, text) as ferry:
            process = ferry.start().ready()
            process.wait_until(lambda: process.metric("mailferry_relay_targets_out") == 1)
            dovecot.fill(free.name, [mail.raw for mail in carried])
            process.wait_until(lambda: dovecot.remaining_count(free.name) == 0)
            assert process.terminate() == 0
    assert dovecot.remaining(stuck.name) == [mail.raw for mail in held]
    assert copies(target.accepted) == {(mail.tag, "free@corp.example"): 1 for mail in carried}


def checks(process: FerryProcess) -> dict[str, str]:
    """What `/readyz` says about each part, with status 503 if anything is wrong."""
    status, body = process.page("/readyz")
    answer = json.loads(body)
    assert (status == 200) is answer["ready"]
    said = answer["checks"]
    assert isinstance(said, dict)
    return said


@pytest.mark.kill
def test_a_broker_and_a_database_that_start_late_or_crash_cost_time_and_no_mail(
    dovecot: Dovecot, late_postgres: Postgres, late_rabbitmq: RabbitMq, tmp_path: Path
) -> None:
    mails = tagged_mails("outage", 200)
    login = dovecot.new_user()
    dovecot.fill(login.name, [mail.raw for mail in mails])
    servers = f"""
store.url = "{late_postgres.url("postgres")}"
broker.url = "{late_rabbitmq.url()}"
"""
    with in_background(SmtpServer()) as target:
        text = configuration(
            [account("bob", dovecot.pop3_port, login)],
            servers=servers,
            target=target.port,
            leases='account = "2s"\nmessage = "3s"',
            fetcher="window_messages = 20",
        )
        with Ferry(tmp_path, text) as ferry:
            process = ferry.start()
            process.wait_until(lambda: process.said("health pages served"))
            away = f"127.0.0.1:{late_rabbitmq.port} cannot be reached"
            process.wait_until(lambda: away in checks(process)["broker"])
            assert checks(process)["store"] != "ok"
            assert [process.metric(f"mailferry_{part}_up") for part in ("broker", "store")] == [0, 0]
            late_rabbitmq.start()
            late_postgres.start()
            process.wait_until(lambda: "mailferry db upgrade" in checks(process)["store"])
            assert ferry.call("db", "upgrade").code == 0

            process.wait_until(lambda: len(target.accepted) >= 40)
            late_postgres.kill()
            process.wait_until(lambda: checks(process)["store"] != "ok")
            assert dovecot.remaining_count(login.name) > 0
            late_postgres.start()
            process.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            process.wait_until(lambda: set(checks(process).values()) == {"ok"})
            assert [process.metric(f"mailferry_{part}_up") for part in ("broker", "store")] == [1, 1]
            assert process.terminate() == 0
            records = Records(ferry.path)
            records.assert_journal_agrees(len(mails))
            doubts = records.in_doubt([BOB])
    assert_arrived_whole(target.accepted, mails)
    arrived = copies(target.accepted)
    assert arrived.keys() == {(mail.tag, BOB) for mail in mails}
    assert_no_duplicates(arrived, doubts)
