"""Mailferry is killed at steps that it passes only when something else is wrong already: the target is out of
reach, an event is nonsense, a blob is gone, an operator retries, UIDs have changed.

The services run in one process over RabbitMQ, so that published events outlive the kill.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pika
import pytest

from shared.contract.topology import DEAD_QUEUE, EXCHANGE, FETCHED_KEY, RELAY_QUEUE, ROUTED_KEY, ROUTER_QUEUE
from tests.fakes.background import in_background
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tagged, tagged_mails
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import EMBEDDED, account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies

BOB = "bob@corp.example"
BIG = b"0123456789abcde\r\n" * 2000
LATER = "451 4.3.0 Later"
AWAY = "421 4.3.2 Closing"
REFUSED = "554 5.7.1 Not here"


@dataclass
class Crossing:
    """A source on one side, a target on the other, Mailferry between them."""

    source: Pop3Server
    target: SmtpServer
    broker: str
    directory: Path
    mails: list[Tagged] = field(default_factory=list)

    def ferry(self, *lines: str, servers: str = "") -> Ferry:
        text = configuration(
            [account("bob", self.source.port, Login("u", "secret"), *lines)],
            servers=servers or f'store.url = "sqlite:mailferry.db"\nbroker.url = "{self.broker}"',
            leases='account = "2s"\nmessage = "60s"',
            fetcher='inline_limit = "8KiB"',
            target=self.target.port,
        )
        return Ferry(self.directory, text)

    def more_mail(self, *mails: Tagged) -> None:
        self.mails += mails
        self.source.maildrops["u"].mails += [(f"uid-{mail.tag}", mail.raw) for mail in mails]

    def has_arrived(self) -> bool:
        return copies(self.target.accepted).keys() == {(mail.tag, BOB) for mail in self.mails}

    def is_done(self) -> bool:
        return self.has_arrived() and not self.source.maildrops["u"].mails

    def ends_well(self, ferry: Ferry, process: FerryProcess, done: Callable[[], bool]) -> None:
        """Assert that all mail arrives, once each unless in doubt, and that the journal agrees."""
        process.wait_until(done)
        assert process.terminate() == 0
        records = Records(ferry.path)
        records.assert_journal_agrees(len(self.mails))
        assert records.parked() == {}
        assert_arrived_whole(self.target.accepted, self.mails)
        assert_no_duplicates(copies(self.target.accepted), records.in_doubt([BOB]))


@pytest.fixture
def crossing(rabbitmq_url: str, tmp_path: Path) -> Iterator[Crossing]:
    source = Pop3Server({"u": []})
    with in_background(source), in_background(SmtpServer()) as target:
        yield Crossing(source, target, rabbitmq_url, tmp_path)


def killed(ferry: Ferry, step: str) -> FerryProcess:
    """Start a process that dies at `step`, and return it when it is dead."""
    process = ferry.start(MAILFERRY_DIE_AT=step)
    assert process.ended() == -signal.SIGKILL
    return process


@pytest.mark.kill
def test_fault_34_a_kill_between_deferring_a_mail_and_acknowledging_it_doubles_none(
    crossing: Crossing,
) -> None:
    """The event is in two queues then, and the attempt's number lets one of them begin."""
    crossing.more_mail(*tagged_mails("put-off", 8))
    crossing.target.script["GREETING"] = [AWAY]
    with crossing.ferry() as ferry:
        killed(ferry, "relay.put-off")
        del crossing.target.script["GREETING"]
        crossing.ends_well(ferry, ferry.start(), crossing.is_done)
        assert max(copies(crossing.target.accepted).values()) == 1


@pytest.mark.kill
def test_fault_34_a_kill_while_a_parked_mail_is_published_again_neither_loses_nor_doubles_it(
    crossing: Crossing,
) -> None:
    crossing.more_mail(tagged("retried"))
    crossing.target.recipients[BOB] = REFUSED
    with crossing.ferry() as ferry:
        first = ferry.start(MAILFERRY_DIE_AT="relay.overdue-published").ready()
        records = Records(ferry.path)
        first.wait_until(records.parked)
        del crossing.target.recipients[BOB]
        assert ferry.call("parked", "retry", records.parked()["retried"]).code == 0
        assert first.ended() == -signal.SIGKILL
        crossing.ends_well(ferry, ferry.start(), crossing.is_done)


@pytest.mark.kill
def test_fault_34_a_kill_between_burying_an_event_and_acknowledging_it_blocks_no_queue(
    crossing: Crossing,
) -> None:
    nonsense = b"\xc1 nonsense"
    with crossing.ferry() as ferry:
        assert ferry.call("topology", "apply").code == 0
        with pika.BlockingConnection(pika.URLParameters(crossing.broker)) as connection:
            channel = connection.channel()
            for key in (FETCHED_KEY, ROUTED_KEY):
                channel.basic_publish(EXCHANGE, key, nonsense)
            crossing.more_mail(*tagged_mails("beside", 3))
            killed(ferry, "consumer.buried")
            crossing.ends_well(ferry, ferry.start(), crossing.is_done)
            buried = [channel.basic_get(DEAD_QUEUE, auto_ack=True)[2] or b"" for _ in range(5)]
            waiting = [
                channel.queue_declare(queue, passive=True).method.message_count
                for queue in (ROUTER_QUEUE, RELAY_QUEUE)
            ]
    # One of each, and once more what was buried when the kill came.
    assert 2 <= b"".join(buried).count(nonsense) <= 4
    assert waiting == [0, 0]


@pytest.mark.kill
def test_fault_34_a_kill_after_the_loss_of_a_blob_was_recorded_has_its_mail_fetched_again(
    crossing: Crossing,
) -> None:
    crossing.more_mail(tagged("big", body=BIG))
    crossing.target.recipients[BOB] = LATER
    with crossing.ferry() as ferry:
        first = ferry.start(MAILFERRY_DIE_AT="blobs.loss-recorded")
        first.wait_until(lambda: any("RCPT" in command for command in crossing.target.commands))
        (blob,) = ferry.blobs()
        blob.unlink()
        del crossing.target.recipients[BOB]
        assert first.ended() == -signal.SIGKILL
        assert crossing.target.accepted == []
        crossing.ends_well(ferry, ferry.start(), crossing.is_done)


@pytest.mark.kill
def test_fault_34_a_kill_while_a_new_process_takes_over_costs_no_mail(crossing: Crossing) -> None:
    """The kill is after the old process's leases were ended and before its mails were declared lost."""
    crossing.more_mail(*tagged_mails("taken-over", 5))
    with crossing.ferry(servers=EMBEDDED) as ferry:
        killed(ferry, "relay.begun")
        killed(ferry, "standalone.leases-ended")
        crossing.ends_well(ferry, ferry.start(), crossing.is_done)
