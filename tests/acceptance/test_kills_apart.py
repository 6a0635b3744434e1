"""Three services over RabbitMQ and PostgreSQL, each killed at every one of its steps: no mail is lost, none
comes twice except where this cannot be prevented, and no secret is written anywhere.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from shared.adapters.sql.rows import BATCH
from shared.contract.codec import unpack_bodies
from tests.chaos.faults import steps
from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged, tagged_mails
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq_tap import Tap

CANARY = "canary-9kTz"
CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }')
BOB, REFUSED = "bob@corp.example", "refused@corp.example"
LARGE = b"0123456789abcde\r\n" * 600
SERVICES = ("router", "relay", "fetcher")
RARE = frozenset(
    {
        "fetcher.respool-recorded",
        "fetcher.respooled",
        "fetcher.renamed",
        "fetcher.replaced-recorded",
        "fetcher.begun",
        "fetcher.dates-recorded",
        "relay.put-off",
        "relay.overdue-published",
    }
)
"""Steps of sources that hide what was read, of accounts that leave old mail alone, and of bad days.
`test_spool`, `test_begin` and others kill there."""


@dataclass
class Crossing:
    """Two sources and a target, and all the mail so far."""

    dovecot: Dovecot
    target: SmtpServer
    ferry: Ferry
    store: str
    moved: list[Tagged] = field(default_factory=list)
    kept: list[Tagged] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    def more_mail(self) -> None:
        """A small mail, a large one, a refused one, one for nobody, and one of which a copy stays."""
        number = len(self.kept) + 1
        mails = [
            *tagged_mails(f"small-{number}", 2),
            tagged(f"large-{number}", body=LARGE),
            tagged(f"refused-{number}", to=REFUSED),
            tagged(f"nobody-{number}", to="somebody@elsewhere.example"),
        ]
        kept = tagged(f"kept-{number}")
        self.dovecot.fill("mover", [each.raw for each in mails])
        self.dovecot.fill("keeper", [kept.raw])
        self.moved += mails
        self.kept.append(kept)

    def is_done(self) -> bool:
        arrived = {tag_of(mail.content) for mail in self.target.accepted}
        return self.dovecot.remaining_count("mover") == 0 and arrived == self.served()

    def served(self) -> set[str]:
        return {each.tag for each in [*self.moved, *self.kept] if each.tag.split("-")[0] not in UNSERVED}


UNSERVED = frozenset({"refused", "nobody"})


@pytest.fixture
def crossing(dovecot: Dovecot, rabbitmq_url: str, postgres: Postgres, tmp_path: Path) -> Iterator[Crossing]:
    for name in ("mover", "keeper"):
        dovecot.add_user(name, f"{CANARY}-{name}")
    store = postgres.create_database().replace("mailferry@", f"mailferry:{CANARY}-store@")
    accounts = [
        account(name, dovecot.pop3_port, Login(name, f"{CANARY}-{name}"), *CATCH_ALL, *more)
        for name, more in (("mover", ()), ("keeper", ('retention = "keep"',)))
    ]
    with in_background(SmtpServer(recipients={REFUSED: "554 5.7.1 Not here"})) as target:
        text = configuration(
            accounts,
            servers=f'store.url = "{store}"\nbroker.url = "{rabbitmq_url}"',
            leases='account = "1s"\nmessage = "2s"',
            fetcher='inline_limit = "8KiB"',
            target=target.port,
        )
        with Ferry(tmp_path, text) as ferry:
            prepared = [ferry.call("db", "upgrade"), ferry.call("topology", "apply")]
            assert [each.code for each in prepared] == [0, 0], prepared
            yield Crossing(dovecot, target, ferry, store)
    for name in ("mover", "keeper"):
        for path in dovecot.maildir(name).glob("*/*"):
            path.unlink()


@pytest.mark.kill
@pytest.mark.timeout(180)
@pytest.mark.parametrize("service", SERVICES)
def test_fault_34_a_service_killed_at_each_of_its_steps_loses_no_mail_and_reveals_no_secret(
    service: str, crossing: Crossing, rabbitmq_url: str
) -> None:
    ferry = crossing.ferry
    with Tap(rabbitmq_url) as tap:
        others = [ferry.start(each) for each in SERVICES if each != service]
        processes: list[FerryProcess] = [*others]
        for step in [each for each in steps() if each.startswith(service) and each not in RARE]:
            crossing.more_mail()
            processes.append(ferry.start(service, MAILFERRY_DIE_AT=step))
            assert processes[-1].ended() == -signal.SIGKILL, step
        last = ferry.start(service)
        last.wait_until(crossing.is_done)
        written = [*tap.bodies(), *(each.page("/metrics")[1].encode() for each in [*others, last])]
        assert [each.terminate() for each in [last, *others]] == [0, 0, 0]
    written += [each.output.encode() for each in [*processes, last]]
    nothing_lost(crossing)
    assert [text[:300] for text in [*written, *journal(crossing)] if CANARY.encode() in text] == []


def nothing_lost(crossing: Crossing) -> None:
    records, mails = Records(crossing.ferry.path), [*crossing.moved, *crossing.kept]
    records.assert_journal_agrees(len(mails))
    assert records.parked().keys() == {each.tag for each in mails if each.tag.split("-")[0] in UNSERVED}
    assert crossing.dovecot.remaining("keeper") == [mail.raw for mail in crossing.kept]
    assert_arrived_whole(crossing.target.accepted, mails)
    assert_no_duplicates(copies(crossing.target.accepted), records.in_doubt([BOB]))


def journal(crossing: Crossing) -> list[bytes]:
    """Everything that Mailferry wrote down about the mails."""
    with psycopg.connect(crossing.store) as connection:
        rows = connection.execute("SELECT kind, body FROM journal").fetchall()
    single = [body for kind, body in rows if kind != BATCH]
    return [*single, *(body for kind, batch in rows if kind == BATCH for _, body in unpack_bodies(batch))]
