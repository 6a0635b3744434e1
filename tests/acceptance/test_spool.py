"""A source that hides read mail (custody rule 6): no mail is lost, whichever process dies and whatever the
broker loses.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.hiding_pop3 import HidingPop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged, tagged_mails
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import EMBEDDED, account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies
from tests.servers.rabbitmq import RabbitMq

BOB = "bob@corp.example"
BIG = b"0123456789abcde\r\n" * 2000
CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }')
DEFERRING = "451 4.3.0 Later"
PASSINGS = {
    "fetcher.blob-kept": 3,
    "fetcher.recorded": 1,
    "fetcher.published": 1,
    "fetcher.deleting-recorded": 1,
    "fetcher.deleted": 1,
    "fetcher.quit": 1,
    "router.recorded": 1,
    "relay.begun": 1,
    "relay.delivered": 2,
    "relay.recorded": 1,
    "relay.acknowledged": 1,
}


@dataclass
class Crossing:
    source: HidingPop3Server
    target: SmtpServer
    mails: list[Tagged] = field(default_factory=list)

    def configured(self, servers: str = EMBEDDED, leases: str = 'account = "2s"\nmessage = "60s"') -> str:
        box = account("bob", self.source.port, Login("u", "secret"), 'custody = "spool"', *CATCH_ALL)
        return configuration(
            [box],
            servers=servers,
            leases=leases,
            target=self.target.port,
            fetcher='inline_limit = "8KiB"',
            connections=2,
        )

    def has_arrived(self) -> bool:
        return {tag_of(mail.content) for mail in self.target.accepted} == {mail.tag for mail in self.mails}


@pytest.fixture
def crossing() -> Iterator[Crossing]:
    mails = [*tagged_mails("spooled", 6), tagged("big", body=BIG)]
    source = HidingPop3Server({"u": [(f"uid-{n}", mail.raw) for n, mail in enumerate(mails)]})
    with in_background(source), in_background(SmtpServer()) as target:
        yield Crossing(source, target, mails)


def all_is_well(crossing: Crossing, ferry: Ferry) -> None:
    records = Records(ferry.path)
    records.assert_journal_agrees(len(crossing.mails))
    assert_arrived_whole(crossing.target.accepted, crossing.mails)
    assert_no_duplicates(copies(crossing.target.accepted), records.in_doubt([BOB]))
    assert crossing.source.shown("u") == []


def spool(ferry: Ferry) -> list[str]:
    """The messages known to the database whose raw mail a blob holds."""
    held = [blob.name.removeprefix("mail+") for blob in ferry.blobs() if blob.name.startswith("mail+")]
    return [message for message in held if Records(ferry.path).stories(message)]


def sweep_as_if_hours_had_passed(ferry: Ferry) -> None:
    """Sweep blobs: one whose mail was not recorded before a kill is left to the sweep."""
    for blob in ferry.blobs():
        os.utime(blob, (0, 0))
    assert ferry.call("blobs", "sweep", "--older-than", "1h").code == 0
    assert ferry.blobs() == []


@pytest.mark.kill
@pytest.mark.parametrize("step", PASSINGS)
def test_a_kill_loses_no_mail_of_a_source_that_hides_read_mail(
    step: str, crossing: Crossing, tmp_path: Path
) -> None:
    with Ferry(tmp_path, crossing.configured()) as ferry:
        assert ferry.start(MAILFERRY_DIE_AT=f"{step}:{PASSINGS[step]}").ended() == -signal.SIGKILL
        again = ferry.start().ready()
        again.wait_until(lambda: crossing.has_arrived() and crossing.source.shown("u") == [])
        again.wait_until(lambda: spool(ferry) == [])
        assert again.terminate() == 0
        sweep_as_if_hours_had_passed(ferry)
    all_is_well(crossing, ferry)


@pytest.mark.kill
@pytest.mark.parametrize("step", ["fetcher.respool-recorded", "fetcher.respooled"])
def test_a_kill_while_spooled_mails_are_published_again_loses_none(
    step: str, crossing: Crossing, tmp_path: Path
) -> None:
    crossing.target.recipients[BOB] = DEFERRING
    with Ferry(tmp_path, crossing.configured(leases='account = "2s"\nmessage = "2s"')) as ferry:
        first = ferry.start()
        first.wait_until(lambda: crossing.source.shown("u") == [])
        first.kill()
        assert ferry.start(MAILFERRY_DIE_AT=step).ended() == -signal.SIGKILL
        crossing.target.recipients.clear()
        again = ferry.start().ready()
        again.wait_until(crossing.has_arrived)
        assert again.terminate() == 0
    all_is_well(crossing, ferry)


def test_deferred_mail_that_its_source_hides_is_served_from_its_blob_after_a_restart(
    crossing: Crossing, tmp_path: Path
) -> None:
    crossing.target.recipients[BOB] = DEFERRING
    with Ferry(tmp_path, crossing.configured()) as ferry:
        left = ferry.call("once", "-o", "json")
        assert left.code == 75, left.err
        assert crossing.source.shown("u") == []
        assert len(spool(ferry)) == len(crossing.mails)
        assert ferry.call("once").code == 75
        crossing.target.recipients.clear()
        assert ferry.call("once").code == 0
        assert crossing.has_arrived()
        assert spool(ferry) == []
    all_is_well(crossing, ferry)


@pytest.mark.kill
def test_a_rabbitmq_that_lost_its_data_costs_no_mail_that_its_source_hides(
    crossing: Crossing, private_rabbitmq: RabbitMq, tmp_path: Path
) -> None:
    servers = f'store.url = "sqlite:mailferry.db"\nbroker.url = "{private_rabbitmq.url()}"'
    crossing.target.recipients[BOB] = DEFERRING
    leases = 'account = "3s"\nmessage = "2s"'
    with Ferry(tmp_path, crossing.configured(servers, leases)) as ferry:
        process = ferry.start()
        process.wait_until(lambda: crossing.source.shown("u") == [])
        private_rabbitmq.kill()
        private_rabbitmq.wipe()
        crossing.target.recipients.clear()
        private_rabbitmq.start()
        process.wait_until(crossing.has_arrived)
        assert process.terminate() == 0
    all_is_well(crossing, ferry)
