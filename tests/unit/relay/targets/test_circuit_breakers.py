"""A relay's circuit breakers with probes and reports, by a manual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest

from services.relay.targets.circuit import ProbePolicy
from services.relay.targets.circuit_breakers import PROBE_TIME, CircuitBreakers
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


class FakeTransport:
    """The targets, their probes, and the store; they do what is set."""

    def __init__(self) -> None:
        self.error: MailferryError | None = None
        self.replies = TAKEN
        self.probed = 0
        self.reports: dict[str, Outage] = {}
        self.store_error: MailferryError | None = None

    async def deliver_mail(
        self, target: str, envelope: Envelope, content: object
    ) -> Sequence[RecipientReply]:
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


EXCHANGE = Target("exchange", Endpoint("mail.corp.example", 25, Tls.OFF))


def circuits(
    transport: FakeTransport, clock: ManualClock, targets: dict[str, Target] | None = None
) -> CircuitBreakers:
    known = {"exchange": EXCHANGE} if targets is None else targets
    policy = ProbePolicy((5.0, 60.0), failures=3)
    return CircuitBreakers(known, transport, transport.probe, cast(RelayStore, transport), clock, policy)


@asynccontextmanager
async def running(breakers: CircuitBreakers) -> AsyncIterator[None]:
    task = asyncio.create_task(breakers.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def attempt_deliveries(breakers: CircuitBreakers, number: int) -> None:
    for _ in range(number):
        with suppress(MailferryError):
            await breakers.deliver_mail("exchange", ENVELOPE, b"")


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
    transport, clock = FakeTransport(), ManualClock()
    breakers, transport.error = circuits(transport, clock), error
    await attempt_deliveries(breakers, 3)
    assert breakers.is_open("exchange")
    async with running(breakers):
        await clock.advance(1)
        report = transport.reports["exchange"]
        assert (report.since, report.reason) == (clock.now() - 1, str(error))
        await clock.advance(5)
        assert (transport.probed, breakers.is_open("exchange")) == (1, True)
        await clock.advance(50)
        assert (transport.probed, transport.reports["exchange"].until > clock.now()) == (1, True)
        assert str(error) in (breakers.remark() or "")

        transport.error = None
        await clock.advance(12)
        assert (transport.probed, breakers.is_open("exchange"), breakers.remark()) == (2, False, None)
        assert transport.reports == {}


@pytest.mark.parametrize(
    "error", [ConnectionLost("gone", content_begun=True), NoConnectionFree("busy"), MailferryError("odd")]
)
async def test_an_error_that_may_be_the_mails_fault_opens_no_circuit(error: MailferryError) -> None:
    transport = FakeTransport()
    breakers, transport.error = circuits(transport, ManualClock()), error
    await attempt_deliveries(breakers, 9)
    assert not breakers.is_open("exchange")


async def test_a_target_that_sends_everybody_away_is_out_of_reach() -> None:
    transport = FakeTransport()
    breakers, transport.replies = circuits(transport, ManualClock()), GOODBYE
    await attempt_deliveries(breakers, 3)
    assert breakers.is_open("exchange")


async def test_a_mail_that_gets_through_makes_earlier_failures_forgotten() -> None:
    transport = FakeTransport()
    breakers = circuits(transport, ManualClock())
    for transport.error in (REFUSED, REFUSED, None, REFUSED, REFUSED):
        await attempt_deliveries(breakers, 1)
    assert not breakers.is_open("exchange")


async def test_mail_comes_back_just_after_the_next_probe() -> None:
    transport, clock = FakeTransport(), ManualClock()
    breakers, transport.error = circuits(transport, clock), REFUSED
    assert breakers.seconds_to_wait("exchange") == 0
    await attempt_deliveries(breakers, 3)
    assert breakers.seconds_to_wait("exchange") == 5 + PROBE_TIME
    async with running(breakers):
        await clock.advance(6)
        assert 50 < breakers.seconds_to_wait("exchange") <= 60 + PROBE_TIME


async def test_mail_waits_for_as_long_again_as_a_slow_probe_has_taken() -> None:
    transport, clock = FakeTransport(), ManualClock()
    breakers, transport.error = circuits(transport, clock), REFUSED
    await attempt_deliveries(breakers, 3)
    await clock.advance(25)
    assert breakers.seconds_to_wait("exchange") == 20


async def test_the_targets_that_are_out_of_reach_are_told_when_they_change() -> None:
    transport, clock = FakeTransport(), ManualClock()
    transport.error = REFUSED
    told: list[frozenset[str]] = []
    policy = ProbePolicy((5.0, 60.0), failures=3)
    breakers = CircuitBreakers(
        {"exchange": EXCHANGE},
        transport,
        transport.probe,
        cast(RelayStore, transport),
        clock,
        policy,
        lambda out: told.append(frozenset(out)),
    )
    async with running(breakers):
        await clock.somebody_sleeps()
        await attempt_deliveries(breakers, 3)
        await clock.advance(3.0)
        transport.error = None
        await clock.advance(10.0)
    assert told == [{"exchange"}, frozenset()]


async def test_a_relay_that_ends_withdraws_its_reports() -> None:
    transport, clock = FakeTransport(), ManualClock()
    breakers, transport.error = circuits(transport, clock), REFUSED
    await attempt_deliveries(breakers, 3)
    async with running(breakers):
        await clock.advance(1)
        assert transport.reports
    assert transport.reports == {}


async def test_an_outage_is_reported_later_if_the_database_is_unavailable() -> None:
    transport, clock = FakeTransport(), ManualClock()
    breakers, transport.error = circuits(transport, clock), REFUSED
    transport.store_error = StoreUnavailable("away")
    await attempt_deliveries(breakers, 3)
    async with running(breakers):
        await clock.advance(1)
        assert transport.reports == {}
        transport.store_error = None
        await clock.advance(1)
        assert transport.reports.keys() == {"exchange"}


async def test_a_target_that_is_configured_no_more_is_forgotten() -> None:
    transport, clock, targets = FakeTransport(), ManualClock(), {"exchange": EXCHANGE}
    breakers, transport.error = circuits(transport, clock, targets), REFUSED
    await attempt_deliveries(breakers, 3)
    async with running(breakers):
        await clock.advance(1)
        targets.clear()
        await clock.advance(1)
        assert (transport.reports, breakers.open_circuits()) == ({}, {})


async def test_a_target_that_was_changed_is_tried_at_once() -> None:
    transport, clock, targets = FakeTransport(), ManualClock(), {"exchange": EXCHANGE}
    breakers, transport.error = circuits(transport, clock, targets), REFUSED
    await attempt_deliveries(breakers, 3)
    assert breakers.is_open("exchange")
    targets["exchange"] = Target("exchange", Endpoint("moved.corp.example", 25, Tls.OFF))
    assert not breakers.is_open("exchange")
    assert breakers.remark() is None
    await attempt_deliveries(breakers, 3)
    assert breakers.is_open("exchange"), "the new one may be out of reach, too"
