"""The broker loses its contents while mails are on their way: no mail is lost, and none that was recorded as
delivered comes twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged_mails
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import EMBEDDED, account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies
from tests.servers.rabbitmq import RabbitMq

BOB = "bob@corp.example"
MAILS = 150
WINDOW = "window_messages = 15"
_prefixes = count(1)


@dataclass(frozen=True)
class Crossing:
    """A full mailbox on one side, a target on the other."""

    dovecot: Dovecot
    login: Login
    mails: list[Tagged]
    target: SmtpServer

    def configured(self, servers: str, leases: str) -> str:
        mailbox = account("bob", self.dovecot.pop3_port, self.login)
        return configuration(
            [mailbox], servers=servers, leases=leases, target=self.target.port, fetcher=WINDOW, connections=2
        )

    def has_accepted(self, mails: int) -> Callable[[], bool]:
        return lambda: len(self.target.accepted) >= mails

    def is_done(self) -> bool:
        return self.dovecot.remaining_count(self.login.name) == 0

    def tags(self) -> set[str]:
        return {mail.tag for mail in self.mails}


@pytest.fixture
def crossing(dovecot: Dovecot) -> Iterator[Crossing]:
    mails = tagged_mails(f"crossing-{next(_prefixes)}", MAILS)
    login = dovecot.new_user()
    dovecot.fill(login.name, [mail.raw for mail in mails])
    with in_background(SmtpServer()) as target:
        yield Crossing(dovecot, login, mails, target)


def all_is_well(crossing: Crossing, records: Records) -> None:
    records.assert_journal_agrees(MAILS)
    assert_arrived_whole(crossing.target.accepted, crossing.mails)
    arrived = copies(crossing.target.accepted)
    assert {tag for tag, _ in arrived} == crossing.tags()
    assert_no_duplicates(arrived, records.in_doubt([BOB]))


@pytest.mark.kill
def test_mailferry_killed_again_and_again_delivers_everything_and_no_recorded_mail_twice(
    crossing: Crossing, tmp_path: Path
) -> None:
    with Ferry(tmp_path, crossing.configured(EMBEDDED, 'account = "3s"\nmessage = "60s"')) as ferry:
        records = Records(ferry.path)
        recorded: dict[tuple[str, str], int] = {}
        for accepted in (20, 50):
            process = ferry.start()
            process.wait_until(crossing.has_accepted(accepted))
            process.kill()
            assert not crossing.is_done()
            arrived = copies(crossing.target.accepted)
            recorded = {key: arrived[key] for key in records.delivered([BOB])}
            assert recorded
        process = ferry.start()
        process.wait_until(crossing.is_done)
        assert process.terminate() == 0
    all_is_well(crossing, records)
    arrived = copies(crossing.target.accepted)
    assert {key: arrived[key] for key in recorded} == recorded


@pytest.mark.kill
def test_fault_17_a_rabbitmq_that_lost_its_data_in_mid_flight_costs_time_and_no_mail(
    crossing: Crossing, private_rabbitmq: RabbitMq, tmp_path: Path
) -> None:
    servers = f'store.url = "sqlite:mailferry.db"\nbroker.url = "{private_rabbitmq.url()}"'
    with Ferry(tmp_path, crossing.configured(servers, 'account = "3s"\nmessage = "2s"')) as ferry:
        process: FerryProcess = ferry.start()
        process.wait_until(crossing.has_accepted(20))
        private_rabbitmq.kill()
        private_rabbitmq.wipe()
        assert not crossing.is_done()
        process.wait_until(lambda: process.page("/readyz")[0] == 503)
        private_rabbitmq.start()
        process.wait_until(crossing.is_done)
        assert process.page("/readyz")[0] == 200
        assert process.terminate() == 0
    all_is_well(crossing, Records(ferry.path))
    assert {tag_of(mail.content) for mail in crossing.target.accepted} == crossing.tags()
