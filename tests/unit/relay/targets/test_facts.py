"""The facts that a relay learns about its targets, and how they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from services.relay.targets.facts import TICK, LearntFacts
from shared.net.protection import Shortfall
from shared.ports.store import FACT_HOLDS, FactKind, RelayStore, TargetFact
from tests.fakes.clock import ManualClock
from tests.fakes.target_facts import FactsInMemory

SELF_SIGNED, NO_TLS = Shortfall(True, "self-signed"), Shortfall(False, "no STARTTLS")
UNVERIFIED, CLEAR = ("exchange", FactKind.UNVERIFIED), ("exchange", FactKind.CLEAR)


@asynccontextmanager
async def running(facts: LearntFacts, clock: ManualClock) -> AsyncIterator[None]:
    task = asyncio.create_task(facts.run())
    await clock.somebody_sleeps()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_fact_counts_at_once_and_for_a_day() -> None:
    clock = ManualClock()
    facts = LearntFacts(cast(RelayStore, FactsInMemory()), clock)
    facts.learn_recipient_limit("exchange", 5)
    assert (facts.recipient_limit("exchange"), facts.recipient_limit("attic")) == (5, None)
    await clock.advance(FACT_HOLDS)
    assert facts.recipient_limit("exchange") is None


async def test_a_fact_is_written_a_moment_later() -> None:
    clock, store = ManualClock(), FactsInMemory()
    facts = LearntFacts(cast(RelayStore, store), clock)
    async with running(facts, clock):
        facts.learn_recipient_limit("exchange", 5)
        assert not store.facts
        await clock.advance(TICK)
        (fact,) = store.facts.values()
    assert (fact.value, fact.until) == ("5", fact.since + FACT_HOLDS)


async def test_a_relay_that_starts_knows_the_earlier_facts() -> None:
    clock = ManualClock()
    known = TargetFact("exchange", FactKind.RECIPIENTS, "5", clock.now(), clock.now() + 10)
    facts = LearntFacts(cast(RelayStore, FactsInMemory(known)), clock)
    async with running(facts, clock):
        assert facts.recipient_limit("exchange") == 5


async def test_a_relay_that_ends_leaves_nothing_unwritten() -> None:
    clock, store = ManualClock(), FactsInMemory()
    facts = LearntFacts(cast(RelayStore, store), clock)
    async with running(facts, clock):
        facts.learn_protection("exchange", SELF_SIGNED)
    assert store.facts[UNVERIFIED].value == "self-signed"


async def test_a_store_that_is_away_is_written_to_later() -> None:
    clock, store = ManualClock(), FactsInMemory()
    store.is_away = True
    facts = LearntFacts(cast(RelayStore, store), clock)
    async with running(facts, clock):
        facts.learn_recipient_limit("exchange", 5)
        await clock.advance(TICK)
        store.is_away = False
        await clock.advance(TICK)
        assert len(store.facts) == 1


async def test_an_unchanged_fact_is_not_written_for_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = FACT_HOLDS / 100  # half a day has 43,200 of the real ones
    monkeypatch.setattr("services.relay.targets.facts.TICK", tick)
    clock, store = ManualClock(), FactsInMemory()
    facts = LearntFacts(cast(RelayStore, store), clock)
    async with running(facts, clock):
        for _ in range(3):
            facts.learn_protection("exchange", NO_TLS)
            await clock.advance(tick)
        assert store.calls == 2
        since = store.facts[CLEAR].since
        await clock.advance(FACT_HOLDS / 2)
        facts.learn_protection("exchange", NO_TLS)
        await clock.advance(tick)
        assert (store.facts[CLEAR].since, store.calls) == (since, 3)


async def test_a_protected_connection_ends_the_fact_about_unprotected_ones() -> None:
    clock, store = ManualClock(), FactsInMemory()
    facts = LearntFacts(cast(RelayStore, store), clock)
    async with running(facts, clock):
        facts.learn_protection("exchange", SELF_SIGNED)
        await clock.advance(TICK)
        facts.learn_protection("exchange", NO_TLS)
        await clock.advance(TICK)
        assert set(store.facts) == {CLEAR}
        facts.learn_protection("exchange", None)
        await clock.advance(TICK)
        assert not store.facts
