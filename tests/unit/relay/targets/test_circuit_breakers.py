"""A relay's circuits with their probes and reports, by a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest

from services.relay.targets.circuit import ProbePolicy
from services.relay.targets.circuit_breakers import PROBING, CircuitBreakers
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import MailferryError
from shared.model.target import Target
from shared.net.errors import ConnectFailed
from shared.net.sasl import SaslError
from shared.ports.store import Outage, RelayStore, StoreUnavailable
from shared.ports.tokens import TokenUnavailable
from shared.smtp.envelope import Envelope, Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, LoginImpossible, NoConnectionFree
from shared.smtp.reply import Reply
from tests.fakes.clock import ManualClock

BOB = "bob@corp.example"
ENVELOPE = Envelope("", (BOB,))
TAKEN = [RecipientReply(BOB, Reply(250, (b"2.0.0 ok",)), Phase.CONTENT)]
GOODBYE = [RecipientReply(BOB, Reply(421, (b"4.3.2 closing",)), Phase.MAIL)]
REFUSED = ConnectFailed("Connecting failed: Connection refused.")


class Road:
    """The way to the targets, their probes, and the store: what is set is what happens."""

    def __init__(self) -> None:
        self.error: MailferryError | None = None
        self.replies = TAKEN
        self.probed = 0
        self.reports: dict[str, Outage] = {}
        self.store_error: MailferryError | None = None

    async def send(self, target: str, envelope: Envelope, content: object) -> Sequence[RecipientReply]:
        if self.error is not None:
            raise self.error
        return self.replies

    async def probe(self, target: Target) -> None:
        self.probed += 1
        if self.error is not None:
            raise self.error

    async def report_outages(self, outages: Sequence[Outage]) -> None:
        if self.store_error is not None:
            raise self.store_error
        self.reports |= {each.target: each for each in outages}

    async def end_outages(self, targets: Sequence[str]) -> None:
        for target in targets:
            self.reports.pop(target, None)

    async def outages(self, now: float) -> Sequence[Outage]:
        return list(self.reports.values())


def circuits(road: Road, clock: ManualClock) -> CircuitBreakers:
    target = Target("exchange", Endpoint("mail.corp.example", 25, Tls.OFF))
    policy = ProbePolicy((5.0, 60.0), failures=3)
    return CircuitBreakers({"exchange": target}, road, road.probe, cast(RelayStore, road), clock, policy)


@asynccontextmanager
async def running(made: CircuitBreakers) -> AsyncIterator[None]:
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def attempts(made: CircuitBreakers, number: int) -> None:
    for _ in range(number):
        with suppress(MailferryError):
            await made.send("exchange", ENVELOPE, b"")


@pytest.mark.parametrize(
    "error",
    [
        REFUSED,
        ConnectionLost("gone"),
        LoginImpossible("no way to log in"),
        SaslError("The server sent a challenge that is not base64."),
        TokenUnavailable("The token file cannot be read."),
    ],
)
async def test_a_target_that_is_out_of_reach_is_not_tried_but_probed_and_reported(
    error: MailferryError,
) -> None:
    road, clock = Road(), ManualClock()
    made, road.error = circuits(road, clock), error
    await attempts(made, 3)
    assert made.is_open("exchange")
    async with running(made):
        await clock.advance(1)
        report = road.reports["exchange"]
        assert (report.since, report.reason) == (clock.now() - 1, str(error))
        await clock.advance(5)
        assert (road.probed, made.is_open("exchange")) == (1, True)
        await clock.advance(50)
        assert (road.probed, road.reports["exchange"].until > clock.now()) == (1, True)
        assert str(error) in (made.remark() or "")

        road.error = None
        await clock.advance(12)
        assert (road.probed, made.is_open("exchange"), made.remark()) == (2, False, None)
        assert road.reports == {}


@pytest.mark.parametrize(
    "error", [ConnectionLost("gone", content_begun=True), NoConnectionFree("busy"), MailferryError("odd")]
)
async def test_what_may_be_the_mails_fault_opens_no_circuit(error: MailferryError) -> None:
    road = Road()
    made, road.error = circuits(road, ManualClock()), error
    await attempts(made, 9)
    assert not made.is_open("exchange")


async def test_a_target_that_sends_everybody_away_is_out_of_reach() -> None:
    road = Road()
    made, road.replies = circuits(road, ManualClock()), GOODBYE
    await attempts(made, 3)
    assert made.is_open("exchange")


async def test_a_mail_that_gets_through_makes_earlier_failures_forgotten() -> None:
    road = Road()
    made = circuits(road, ManualClock())
    for road.error in (REFUSED, REFUSED, None, REFUSED, REFUSED):
        await attempts(made, 1)
    assert not made.is_open("exchange")


async def test_what_waits_comes_back_just_after_the_next_probe() -> None:
    road, clock = Road(), ManualClock()
    made, road.error = circuits(road, clock), REFUSED
    assert made.wait("exchange") == 0
    await attempts(made, 3)
    assert made.wait("exchange") == 5 + PROBING
    async with running(made):
        await clock.advance(6)
        assert 50 < made.wait("exchange") <= 60 + PROBING


async def test_what_waits_for_a_probe_that_takes_its_time_waits_as_long_again() -> None:
    road, clock = Road(), ManualClock()
    made, road.error = circuits(road, clock), REFUSED
    await attempts(made, 3)
    await clock.advance(25)
    assert made.wait("exchange") == 20


async def test_a_relay_that_ends_takes_its_reports_back() -> None:
    road, clock = Road(), ManualClock()
    made, road.error = circuits(road, clock), REFUSED
    await attempts(made, 3)
    async with running(made):
        await clock.advance(1)
        assert road.reports
    assert road.reports == {}


async def test_a_database_that_is_away_is_told_later() -> None:
    road, clock = Road(), ManualClock()
    made, road.error = circuits(road, clock), REFUSED
    road.store_error = StoreUnavailable("away")
    await attempts(made, 3)
    async with running(made):
        await clock.advance(1)
        assert road.reports == {}
        road.store_error = None
        await clock.advance(1)
        assert road.reports.keys() == {"exchange"}


async def test_a_target_that_is_configured_no_more_is_forgotten() -> None:
    road, clock = Road(), ManualClock()
    made, road.error = circuits(road, clock), REFUSED
    await attempts(made, 3)
    async with running(made):
        await clock.advance(1)
        made.targets = {}
        await clock.advance(1)
        assert (road.reports, made.open_circuits()) == ({}, {})
