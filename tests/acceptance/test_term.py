"""TERM ends every process within seconds, however silent sources, targets and the database are.

No time is measured: a process that waited for them would run for minutes.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.fakes.background import in_background
from tests.fakes.slow_pop3 import DrippingPop3, SlowPop3
from tests.fakes.smtp_server import Act, SmtpServer
from tests.fakes.tagged import tagged_mails
from tests.fakes.tcp_proxy import Direction, TcpProxy
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq

LEASES = 'account = "10m"\nmessage = "10m"'
PATIENT = ('timeout = "10m"', 'retries = 3\nretry_delay = "5m"')


def slow(name: str, port: int) -> str:
    return account(name, port, Login(name, "x"), *PATIENT)


def test_fault_36_term_ends_visits_to_silent_and_dripping_servers(tmp_path: Path) -> None:
    with (
        in_background(SlowPop3()) as silent,
        in_background(DrippingPop3()) as drips,
        in_background(SmtpServer()) as target,
    ):
        accounts = [slow("silent", silent.port), slow("drips", drips.port)]
        with Ferry(tmp_path, configuration(accounts, target=target.port, leases=LEASES)) as ferry:
            process = ferry.start()
            process.wait_until(lambda: silent.open and drips.dripping)
            assert process.terminate() == 0
            visits = [line for line in process.said("visited") if line["outcome"] == "interrupted"]
            ended = {line["account"]: line["problem"] for line in visits}
            assert ended.keys() == {"acme/silent", "acme/drips"}
            assert all("the process had to end" in problem for problem in ended.values())
            shown = json.loads(ferry.call("status", "--output", "json").out)
            assert {each["colour"] for each in shown["accounts"]} == {"white"}, "no server is to blame"
            again = ferry.start()
            again.wait_until(lambda: silent.connections == 2 and drips.dripping)
            assert again.terminate() == 0


def test_fault_36_term_ends_a_delivery_to_a_silent_target_and_the_mail_stays_at_its_source(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [tagged_mails("mute", 1)[0].raw])
    with in_background(SmtpServer(replies={"CONTENT": Act.SILENCE})) as target:
        text = configuration([account("bob", dovecot.pop3_port, login)], target=target.port, leases=LEASES)
        with Ferry(tmp_path, text) as ferry:
            process = ferry.start()
            process.wait_until(lambda: target.seen)
            assert process.terminate() != 0
            assert dovecot.remaining_count(login.name) == 1
            Records(ferry.path).assert_journal_agrees(1)


@contextmanager
def stopped(postgres: Postgres, database: str) -> Iterator[None]:
    """Suspend all processes that serve `database`, and the one that accepts connections."""
    with psycopg.connect(database, autocommit=True) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        ).fetchall()
    processes = [postgres.pid, *(row[0] for row in found)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(processes):
            os.kill(process, signal.SIGCONT)


@pytest.mark.parametrize("service", ["fetcher", "router", "relay"])
def test_fault_36_term_ends_a_service_while_the_database_hangs(
    private_postgres: Postgres, rabbitmq: RabbitMq, tmp_path: Path, service: str
) -> None:
    database = private_postgres.create_database()
    with in_background(TcpProxy(private_postgres.port)) as proxy, in_background(SlowPop3()) as silent:
        url = database.replace(f":{private_postgres.port}/", f":{proxy.port}/")
        servers = f'store.url = "{url}"\nbroker.url = "{rabbitmq.url(rabbitmq.add_vhost())}"'
        text = configuration([slow("silent", silent.port)], target=9, servers=servers, leases=LEASES)
        with Ferry(tmp_path, text) as ferry:
            assert [ferry.call("db", "upgrade").code, ferry.call("topology", "apply").code] == [0, 0]
            process = ferry.start(service).ready()
            process.wait_until(lambda: service != "fetcher" or silent.open)
            process.wait_until(lambda: process.metric("mailferry_store_up"))
            with stopped(private_postgres, database):
                before = proxy.passed[Direction.TO_SERVER]
                process.wait_until(lambda: proxy.passed[Direction.TO_SERVER] > before)
                process.send(signal.SIGTERM)
                code = process.ended()
                assert code == 0 or (code == 75 and "not all work ended within" in process.output)
