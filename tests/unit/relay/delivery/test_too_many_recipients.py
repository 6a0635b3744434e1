"""Targets with a low recipient limit get a mail for many in several transactions at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from services.relay.delivery.attempt import Attempter
from services.relay.delivery.outcome import RetryPolicy
from services.relay.targets.facts import LearntFacts
from services.relay.targets.target_pools import TargetPools
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.system_clock import SystemClock
from shared.contract.events import MessageRouted, Payload, RoutedRecipient
from shared.contract.journal import RecipientOutcome
from shared.model.endpoint import Endpoint, Tls
from shared.model.message import RecipientStatus
from shared.model.target import Target
from shared.ports.store import RelayStore, Serving
from shared.runtime.metrics import Metrics
from tests.fakes.custody import recipient
from tests.fakes.limited_smtp import LimitedServer
from tests.fakes.registry import registry_of
from tests.fakes.target_facts import FactsInMemory

PEOPLE = [f"p{number}@corp.example" for number in range(7)]
LIMIT = 3


class Relaying:
    """Attempts at one target over real connections; learnt facts are kept from mail to mail."""

    def __init__(self, target: Target, directory: Path) -> None:
        clock = SystemClock()
        self.facts = LearntFacts(cast(RelayStore, FactsInMemory()), clock)
        targets = {target.name: target}
        self.pools = TargetPools(targets, helo_name="relay.example", capacity=10, clock=clock)
        self._target = target
        self._attempter = Attempter(
            registry=registry_of((), [target]),
            blobs=FileBlobs(directory),
            clock=clock,
            retry=RetryPolicy((60.0,), 1e12),
            helo_name="relay.example",
            chance=lambda: 0.0,
            metrics=Metrics(CollectorRegistry(), "0"),
            limits=self.facts,
        )

    async def deliver(self, *who: str) -> list[RecipientOutcome]:
        target = self._target.name
        event = MessageRouted(
            message="m1",
            tenant="acme",
            account="acme/inbox",
            fetch_no=1,
            target=target,
            reverse_path="s@x.example",
            recipients=tuple(RoutedRecipient(address=each, destination=each, attempt=0) for each in who),
            fetched_at=1.0,
            payload=Payload(octets=20, inline=b"Subject: x\r\n\r\nHello\r\n"),
        )
        recipients = tuple(recipient(each, RecipientStatus.ATTEMPTING, attempt=1) for each in who)
        serving = Serving("m1", target, "s@x.example", recipients)
        return [each for each, _ in (await self._attempter.make_attempt(event, serving, self.pools)).outcomes]


@asynccontextmanager
async def relaying(port: int, directory: Path, *, lmtp: bool = False) -> AsyncIterator[Relaying]:
    made = Relaying(Target("exchange", Endpoint("127.0.0.1", port, Tls.OFF), lmtp=lmtp), directory)
    try:
        yield made
    finally:
        await made.pools.close()


@pytest.mark.parametrize("lmtp", [False, True], ids=["SMTP", "LMTP"])
@pytest.mark.parametrize(
    ("refusal", "when"),
    [
        ("452 4.5.3 Too many recipients", "RCPT"),
        ("452 Too many recipients", "RCPT"),
        ("452 no", "RCPT"),
        ("552 Too many recipients", "RCPT"),
        ("550 5.5.3 Refused", "RCPT"),
        ("550 Too many recipients", "RCPT"),
        ("554 Too many recipients", "RCPT"),
        ("421 4.5.3 Too many recipients", "RCPT"),
        ("452 4.5.3 Too many recipients", "DATA"),
        ("552 too many recipients", "DATA"),
        ("550 Too many recipients", "DATA"),
        ("554 5.5.3 Too many recipients", "DATA"),
        ("550 5.5.3 Too many recipients", "CONTENT"),
        ("554 Too many recipients", "CONTENT"),
    ],
)
async def test_everybody_has_the_mail_after_one_attempt(
    refusal: str, when: str, lmtp: bool, tmp_path: Path
) -> None:
    async with (
        LimitedServer(LIMIT, refusal, when, lmtp=lmtp) as server,
        relaying(server.port, tmp_path, lmtp=lmtp) as relay,
    ):
        outcomes = await relay.deliver(*PEOPLE)
    assert {each.status for each in outcomes} == {RecipientStatus.DELIVERED}
    served = [each for transaction in server.transactions for each in transaction]
    assert sorted(served) == sorted(PEOPLE)


@pytest.mark.parametrize("when", ["RCPT", "DATA"])
async def test_the_limit_is_learnt_and_the_next_mail_keeps_to_it(when: str, tmp_path: Path) -> None:
    async with (
        LimitedServer(LIMIT, "550 5.5.3 Too many recipients", when) as server,
        relaying(server.port, tmp_path) as relay,
    ):
        await relay.deliver(*PEOPLE)
        learnt = relay.facts.recipient_limit("exchange")
        server.transactions.clear()
        await relay.deliver(*PEOPLE)
    assert learnt == LIMIT
    assert len(server.transactions) == -(-len(PEOPLE) // learnt)


@pytest.mark.parametrize("refusal", ["550 Too many recipients", "552 5.5.3 no", "554 Too many recipients"])
async def test_if_a_single_recipient_is_too_many_all_are_deferred(refusal: str, tmp_path: Path) -> None:
    async with LimitedServer(0, refusal) as server, relaying(server.port, tmp_path) as relay:
        outcomes = await relay.deliver(*PEOPLE)
    assert {each.status for each in outcomes} == {RecipientStatus.DEFERRED}
    assert {each.destination for each in outcomes} == set(PEOPLE)
    assert relay.facts.recipient_limit("exchange") is None
