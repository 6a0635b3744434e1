"""A broker that crashes, loses a binding, fills its disk or gets nonsense costs time and no mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pika
import pytest

from shared.contract.topology import DEAD_QUEUE, EXCHANGE, FETCHED_KEY, RELAY_QUEUE, ROUTED_KEY
from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tagged, tagged_mails
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies
from tests.servers.rabbitmq import RabbitMq

BOB = "bob@corp.example"
MAILS = 100
LINE = b"0123456789abcde\r\n"
LARGEST_EVENT = 16 * 1024**2
"""The largest message of RabbitMQ 4, to which older versions can be configured."""
_prefixes = count(1)


@dataclass
class Crossing:
    """A mailbox on one side, a target on the other, Mailferry over a RabbitMQ between them."""

    dovecot: Dovecot
    login: Login
    target: SmtpServer
    ferry: Ferry
    mails: list[Tagged]

    def more_mail(self, number: int = 1) -> None:
        more = tagged_mails(f"broker-{next(_prefixes)}", number)
        self.dovecot.fill(self.login.name, [mail.raw for mail in more])
        self.mails += more

    def has_accepted(self, number: int) -> Callable[[], bool]:
        return lambda: len(self.target.accepted) >= number

    def is_done(self) -> bool:
        return self.dovecot.remaining_count(self.login.name) == 0

    def ends_well(self, process: FerryProcess) -> None:
        process.wait_until(self.is_done)
        assert process.terminate() == 0
        records = Records(self.ferry.path)
        records.assert_journal_agrees(len(self.mails))
        assert_arrived_whole(self.target.accepted, self.mails)
        arrived = copies(self.target.accepted)
        assert arrived.keys() == {(mail.tag, BOB) for mail in self.mails}
        assert_no_duplicates(arrived, records.in_doubt([BOB]))


@pytest.fixture(scope="module")
def own_rabbitmq() -> Iterator[RabbitMq]:
    """A RabbitMQ that these tests break and repair."""
    require("rabbitmq")
    with server_directory("rabbitmq") as directory:
        server = RabbitMq(directory)
        with (directory / "rabbitmq.conf").open("a") as file:
            file.write(f"max_message_size = {LARGEST_EVENT}\n")
        with server:
            yield server


@pytest.fixture
def broker_url(own_rabbitmq: RabbitMq) -> str:
    """The URL of an empty virtual host."""
    return own_rabbitmq.url(own_rabbitmq.add_vhost())


@pytest.fixture
def crossing(dovecot: Dovecot, broker_url: str, tmp_path: Path) -> Iterator[Crossing]:
    login = dovecot.new_user()
    servers = f'store.url = "sqlite:mailferry.db"\nbroker.url = "{broker_url}"'
    with in_background(SmtpServer()) as target:
        text = configuration(
            [account("bob", dovecot.pop3_port, login)],
            servers=servers,
            leases='account = "2s"\nmessage = "3s"',
            fetcher='window_messages = 10\ninline_limit = "8MiB"',
            target=target.port,
        )
        with Ferry(tmp_path, text) as ferry:
            yield Crossing(dovecot, login, target, ferry, [])


@pytest.mark.kill
def test_fault_16_a_broker_killed_again_and_again_costs_no_mail(
    crossing: Crossing, own_rabbitmq: RabbitMq
) -> None:
    crossing.more_mail(MAILS)
    process = crossing.ferry.start()
    for accepted in (10, 50):
        process.wait_until(crossing.has_accepted(accepted))
        own_rabbitmq.kill()
        process.wait_until(lambda: process.page("/readyz")[0] == 503)
        own_rabbitmq.start()
    crossing.ends_well(process)


def test_fault_18_at_a_disk_alarm_fetching_pauses_health_says_why_and_nothing_hangs(
    crossing: Crossing, own_rabbitmq: RabbitMq
) -> None:
    process = crossing.ferry.start()
    crossing.more_mail()
    process.wait_until(crossing.is_done)
    own_rabbitmq.raise_disk_alarm()
    try:
        crossing.more_mail(20)
        process.wait_until(lambda: "blocks publishers" in process.page("/readyz")[1])
        assert process.page("/livez")[0] == 200
        assert crossing.dovecot.remaining_count(crossing.login.name) == 20
    finally:
        own_rabbitmq.clear_disk_alarm()
    crossing.ends_well(process)


def test_fault_20_a_missing_binding_loses_nothing_and_is_declared_again(
    crossing: Crossing, broker_url: str
) -> None:
    process = crossing.ferry.start()
    crossing.more_mail(5)
    process.wait_until(crossing.is_done)
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        connection.channel().queue_unbind(RELAY_QUEUE, EXCHANGE, ROUTED_KEY)
    crossing.more_mail(5)
    process.wait_until(lambda: "no queue takes message.routed" in process.output)
    crossing.ends_well(process)


def test_fault_21_events_that_cannot_be_decoded_are_buried_and_the_queues_move_on(
    crossing: Crossing, broker_url: str
) -> None:
    process = crossing.ferry.start()
    crossing.more_mail()
    process.wait_until(crossing.is_done)
    nonsense = [b"\xc1 nonsense", b"\x81\xa1a\x01", b"{}"]
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        for key in (FETCHED_KEY, ROUTED_KEY):
            for body in nonsense:
                channel.basic_publish(EXCHANGE, key, body)
        crossing.more_mail(5)
        process.wait_until(crossing.is_done)
        dead = [channel.basic_get(DEAD_QUEUE, auto_ack=True)[2] or b"" for _ in range(2 * len(nonsense) + 1)]
    # Several may lie in one message of RabbitMQ.
    assert [b"".join(dead).count(body) for body in nonsense] == [2] * len(nonsense)
    assert dead[-1] == b""
    crossing.ends_well(process)


def test_fault_22_a_mail_larger_than_the_broker_takes_arrives_and_holds_up_no_other(
    crossing: Crossing,
) -> None:
    crossing.more_mail(2)
    for tag, octets in (("as-large-as-an-event-may-be", LARGEST_EVENT // 2), ("larger", LARGEST_EVENT + 1)):
        large = tagged(tag, body=LINE * (octets // len(LINE)))
        crossing.dovecot.fill(crossing.login.name, [large.raw])
        crossing.mails.append(large)
    crossing.more_mail(2)
    crossing.ends_well(crossing.ferry.start())
