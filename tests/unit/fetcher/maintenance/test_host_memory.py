from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from services.fetcher.decide.throttled_hosts import ACCOUNTS, LASTS, ThrottledHosts
from services.fetcher.maintenance.host_memory import HostMemory
from shared.imap.refused_features import REMEMBERED, RefusedFeatures
from shared.model.hosts import HostLimit, HostLimits
from shared.model.source_errors import SourceBusy
from shared.ports.store import FetcherStore, HostFact, StoreUnavailable
from tests.fakes.clock import ManualClock
from tests.fakes.mails import account

SERVER, BOX = "imap.example:993", account()
HOST = BOX.endpoint.host
LIMITS = HostLimits(HostLimit(spacing=5.0))


class Facts:
    """The part of a store that keeps facts, for several fetchers."""

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str, str], HostFact] = {}
        self.writes = 0
        self.is_down = False

    async def host_facts(self, now: float) -> Sequence[HostFact]:
        return [each for each in self.facts.values() if each.until > now]

    async def note_host_facts(self, facts: Sequence[HostFact], now: float) -> None:
        if self.is_down:
            raise StoreUnavailable("down")
        self.writes += 1
        self.facts |= {each[:3]: each for each in facts}


class Process:
    """A fetcher, with what it knows."""

    def __init__(self, facts: Facts, clock: ManualClock) -> None:
        self.refused = RefusedFeatures(clock.monotonic)
        self.throttled = ThrottledHosts()
        self.memory = HostMemory(cast(FetcherStore, facts), clock, self.refused, self.throttled)

    def is_throttled(self, clock: ManualClock) -> None:
        for number in range(ACCOUNTS):
            error = SourceBusy("throttled", retry_after=60.0)
            self.throttled.note_visit(replace(BOX, name=str(number)), error, clock.monotonic())

    def spacing(self, clock: ManualClock) -> float:
        return self.throttled.slowed(LIMITS, clock.monotonic()).of(HOST).spacing


async def test_what_one_process_learns_the_others_know_and_it_knows_itself_after_a_restart() -> None:
    facts, clock = Facts(), ManualClock()
    first, second = Process(facts, clock), Process(facts, clock)
    first.refused.note_refused(SERVER, "NOTIFY")
    first.is_throttled(clock)
    await first.memory.exchange()
    for other in (second, Process(facts, clock)):
        await other.memory.exchange()
        assert other.refused.has(SERVER, "NOTIFY")
        assert other.spacing(clock) == 10.0
    assert facts.writes == 1, "who learns writes nothing"


async def test_it_holds_for_others_as_long_as_for_who_found_it_out() -> None:
    facts, clock = Facts(), ManualClock()
    first, second = Process(facts, clock), Process(facts, clock)
    first.refused.note_refused(SERVER, "NOTIFY")
    first.is_throttled(clock)
    await first.memory.exchange()
    await clock.advance(LASTS - 1)
    await second.memory.exchange()
    assert second.spacing(clock) == 10.0
    await clock.advance(1)
    assert second.spacing(clock) == 5.0
    await clock.advance(REMEMBERED - LASTS)
    assert not second.refused.has(SERVER, "NOTIFY")


async def test_what_could_not_be_written_is_written_later() -> None:
    facts, clock = Facts(), ManualClock()
    process = Process(facts, clock)
    process.refused.note_refused(SERVER, "NOTIFY")
    facts.is_down = True
    await process.memory.exchange()
    facts.is_down = False
    await process.memory.exchange()
    assert [each.fact for each in facts.facts.values()] == ["NOTIFY"]
    await process.memory.exchange()
    assert facts.writes == 1


async def test_a_time_far_ahead_of_a_wrong_clock_does_not_count() -> None:
    facts, clock = Facts(), ManualClock()
    await facts.note_host_facts([HostFact("refused", SERVER, "NOTIFY", 0.0, clock.now() + 9e9)], 0.0)
    process = Process(facts, clock)
    await process.memory.exchange()
    await clock.advance(REMEMBERED)
    assert not process.refused.has(SERVER, "NOTIFY")
