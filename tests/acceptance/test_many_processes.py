"""Twenty accounts, two processes of each service, a real broker and a real database: no mail is lost or
doubled, and neither logs nor metrics nor events reveal a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, MessageRouted, MessageSettled
from tests.fakes.command import Ended
from tests.fakes.tagged import Tagged, lf, tag_of, tagged_mails, untraced
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.postgres import Postgres
from tests.servers.process import eventually
from tests.servers.rabbitmq import RabbitMq
from tests.servers.rabbitmq_tap import Tap
from tests.servers.smtp_sink import SmtpSink, SunkMail

CANARY = "canary-7dQ1"
ACCOUNTS, MAILS = 20, 25
NAMES = [f"crew-{number}" for number in range(1, ACCOUNTS + 1)]


@dataclass(frozen=True)
class Voyage:
    """What was recorded during the run, and the state after it."""

    ferry: Ferry
    pages: dict[str, tuple[int, str]]
    exit_codes: list[int]
    arrived: list[SunkMail]
    left: int
    events: list[bytes]
    logs: str
    counts: dict[str, float]
    metrics: str


def mails_of(name: str) -> list[Tagged]:
    return tagged_mails(name, MAILS, to=f"{name}@corp.example")


@pytest.fixture
def voyage(
    dovecot: Dovecot,
    postgres: Postgres,
    rabbitmq: RabbitMq,
    smtp_sink: SmtpSink,
    tmp_path: Path,
) -> Iterator[Voyage]:
    vhost = rabbitmq.add_vhost()
    for name in NAMES:
        dovecot.add_user(name, f"{CANARY}-{name}")
    accounts = [account(name, dovecot.pop3_port, Login(name, f"{CANARY}-{name}")) for name in NAMES]
    database = postgres.create_database().replace("mailferry@", f"mailferry:{CANARY}-store@")
    servers = f'store.url = "{database}"\nbroker.url = "{rabbitmq.url(vhost)}"'
    text = configuration(
        accounts, servers=servers, target=smtp_sink.port, fetcher="window_messages = 10\nconcurrency = 6"
    )
    with Ferry(tmp_path, text) as ferry:
        prepared = [ferry.call("db", "upgrade"), ferry.call("topology", "apply")]
        assert [each.code for each in prepared] == [0, 0], prepared
        with Tap(rabbitmq.url(vhost)) as tap:
            yield _sailed(ferry, tap, dovecot, smtp_sink)


def _sailed(ferry: Ferry, tap: Tap, dovecot: Dovecot, sink: SmtpSink) -> Voyage:
    services = [ferry.start(service) for service in ("router", "relay", "fetcher") for _ in range(2)]
    for process in services:
        process.ready()
    for name in NAMES:
        dovecot.fill(name, [mail.raw for mail in mails_of(name)])
    eventually(lambda: not _left(dovecot))
    eventually(lambda: set(_counts(services).values()) == {ACCOUNTS * MAILS})
    metrics = [process.page("/metrics")[1] for process in services]
    return Voyage(
        ferry=ferry,
        pages={path: services[0].page(path) for path in ("/livez", "/readyz")},
        counts=_counts(services),
        metrics="".join(metrics),
        exit_codes=_ended(services),
        arrived=sink.mails(),
        left=_left(dovecot),
        events=tap.bodies(),
        logs="".join(process.output for process in services),
    )


def _left(dovecot: Dovecot) -> int:
    return sum(dovecot.remaining_count(name) for name in NAMES)


def _counts(services: list[FerryProcess]) -> dict[str, float]:
    samples = (
        "mailferry_fetcher_mails_fetched_total",
        'mailferry_relay_outcomes_total{status="delivered"}',
        "mailferry_fetcher_mails_deleted_total",
    )
    return {sample: sum(process.metric(sample) for process in services) for sample in samples}


def _ended(services: list[FerryProcess]) -> list[int]:
    return [process.terminate() for process in reversed(services)]


def test_five_hundred_mails_arrive_once_and_no_secret_is_revealed(voyage: Voyage) -> None:
    every_mail_arrived_once_and_whole(voyage)
    assert voyage.left == 0
    assert voyage.exit_codes == [0] * 6
    assert voyage.ferry.call("journal", "verify") == Ended(0, "500 mails, no differences\n", "")
    assert {path: status for path, (status, _) in voyage.pages.items()} == {"/livez": 200, "/readyz": 200}
    assert list(voyage.counts.values()) == [ACCOUNTS * MAILS] * 3
    no_label_is_an_account_an_address_or_a_message(voyage)
    no_password_is_shown(voyage)


def every_mail_arrived_once_and_whole(voyage: Voyage) -> None:
    expected = {mail.tag: lf(mail.raw) for name in NAMES for mail in mails_of(name)}
    assert len(voyage.arrived) == len(expected) == ACCOUNTS * MAILS
    assert {tag_of(mail.content): untraced(mail.content) for mail in voyage.arrived} == expected


def no_label_is_an_account_an_address_or_a_message(voyage: Voyage) -> None:
    labels = set(re.findall(r'="([^"]*)"', voyage.metrics))
    assert "delivered" in labels
    ids = {re.findall(rb"^X-Mailferry-ID: (\S+)", mail.content)[0].decode() for mail in voyage.arrived}
    assert [label for label in labels if "@" in label or "crew" in label or "acme" in label] == []
    assert not labels & ids


def every_mail_was_in_each_kind_of_event(voyage: Voyage) -> None:
    """The search for passwords covers every kind of event only if each was seen."""
    fetched, routed, settled = set[str](), set[str](), set[str]()
    for event in map(EVENT_CODEC.decode, voyage.events):
        match event:
            case MessageFetched():
                fetched.add(event.message)
            case MessageRouted():
                routed.add(event.message)
            case MessageSettled():
                settled.update(event.messages)
    assert len(fetched) == ACCOUNTS * MAILS
    assert fetched == routed == settled


def no_password_is_shown(voyage: Voyage) -> None:
    shown = voyage.ferry.call("config", "show")
    assert shown.code == 0
    assert "crew-20" in shown.out
    every_mail_was_in_each_kind_of_event(voyage)
    written = {
        "events": b"".join(voyage.events).decode(errors="replace"),
        "logs": voyage.logs,
        "metrics": voyage.metrics,
        "config show": shown.out + shown.err,
    }
    assert [place for place, text in written.items() if CANARY in text] == []
