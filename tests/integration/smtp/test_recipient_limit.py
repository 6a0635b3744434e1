"""A real Postfix that takes few recipients in a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
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
from shared.model.endpoint import Endpoint, Tls
from shared.model.message import RecipientStatus
from shared.model.target import Target
from shared.ports.store import RelayStore, Serving
from shared.runtime.metrics import Metrics
from tests.fakes.custody import recipient
from tests.fakes.registry import registry_of
from tests.fakes.target_facts import FactsInMemory
from tests.servers.available import require, unavailable
from tests.servers.directory import is_root, server_directory
from tests.servers.postfix import Postfix

LIMIT = 4
PEOPLE = [f"limit{number}@target.example" for number in range(30)]


@pytest.fixture(
    params=["", "smtpd_recipient_overshoot_limit = 1\nsmtpd_hard_error_limit = 5\n"],
    ids=["patient", "hangs up"],
)
def narrow_postfix(request: pytest.FixtureRequest) -> Iterator[Postfix]:
    require("postfix")
    if not is_root():
        unavailable("only root can start a Postfix")
    settings = f"smtpd_recipient_limit = {LIMIT}\nsmtpd_error_sleep_time = 0\n{request.param}"
    with server_directory("postfix") as directory, Postfix(directory, settings=settings) as server:
        yield server


async def test_a_mail_for_thirty_reaches_all_of_them_in_one_attempt(
    narrow_postfix: Postfix, tmp_path: Path
) -> None:
    clock = SystemClock()
    target = Target("postfix", Endpoint("127.0.0.1", narrow_postfix.port, Tls.OFF))
    facts = LearntFacts(cast(RelayStore, FactsInMemory()), clock)
    pools = TargetPools({"postfix": target}, helo_name="relay.here.test", capacity=10, clock=clock)
    attempter = Attempter(
        registry=registry_of((), [target]),
        blobs=FileBlobs(tmp_path),
        clock=clock,
        retry=RetryPolicy((60.0,), 1e12),
        helo_name="relay.here.test",
        chance=lambda: 0.0,
        metrics=Metrics(CollectorRegistry(), "0"),
        limits=facts,
    )
    event = MessageRouted(
        message="m1",
        tenant="acme",
        account="acme/inbox",
        fetch_no=1,
        target="postfix",
        reverse_path="",
        recipients=tuple(RoutedRecipient(address=each, destination=each, attempt=0) for each in PEOPLE),
        fetched_at=1.0,
        payload=Payload(octets=20, inline=b"Subject: x\r\n\r\nHello\r\n"),
    )
    recipients = tuple(recipient(each, RecipientStatus.ATTEMPTING, attempt=1) for each in PEOPLE)
    outcomes = await attempter.make_attempt(event, Serving("m1", "postfix", "", recipients), pools)
    await pools.close()
    assert {each.status for each, _ in outcomes.outcomes} == {RecipientStatus.DELIVERED}
    learnt = facts.recipient_limit("postfix")
    assert learnt is not None
    assert 1 <= learnt <= LIMIT
    for each in PEOPLE:
        assert len(await asyncio.to_thread(narrow_postfix.wait_for, each, 1)) == 1
