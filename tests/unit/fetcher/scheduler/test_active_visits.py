"""Active visits as the fetcher sees them: their states, which end for others, and how they end at TERM."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.fetcher.decide.visit_slots import (
    LOGIN_WITHIN,
    PROGRESS_OCTETS,
    SILENT_AFTER,
    SLOW_AFTER,
    STALL_LIMIT,
    VisitSlots,
    VisitState,
)
from services.fetcher.flow_control.memory_budget import MemoryBudget
from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from services.fetcher.mailboxes.opening import Opened, OpenMailbox
from services.fetcher.scheduler import active_visits as module
from services.fetcher.scheduler.active_visits import ActiveVisits, Opening
from shared.custody.commands import Fence
from shared.model.account import Account
from shared.model.mailbox import Listed, Listing, MailBytes, Meter, RetrieveEvent
from shared.model.source_errors import PlaceTaken, ProcessEnds, SourceError
from shared.ports.store import Lease
from shared.runtime.metrics import Metrics
from tests.fakes.clock import ManualClock
from tests.fakes.mailbox import FakeMailbox
from tests.fakes.mails import account

ENTRY = Listed("uid", 1, 10_000_000)


class Waiting(FakeMailbox):
    """Lists once `listed_now`, and sends the `pieces` of the mail; `aborted` in the end."""

    def __init__(self) -> None:
        super().__init__({})
        self.listed_now = asyncio.Event()
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.aborted = False

    async def listing(self, since: str = "") -> Listing:
        await self.listed_now.wait()
        return await super().listing()

    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        while piece := await self.pieces.get():
            yield [MailBytes(entries[0], piece)]

    async def abort(self) -> None:
        self.aborted = True


@dataclass(frozen=True)
class FakeVisitor:
    """Opens, lists and reads; keeps what a visit ended with."""

    open_mailbox: OpenMailbox
    ports: Any
    board: SettlementTracker
    metrics: Metrics
    errors: list[Exception]

    async def visit(self, of: Account, _lease: Lease, _is_stopping: Callable[[], bool]) -> None:
        try:
            opened = await self.open_mailbox(of, None, 1.0)
            try:
                await opened.mailbox.listing()
                async for _ in opened.mailbox.retrieve([ENTRY]):
                    pass
            finally:
                await opened.mailbox.abort()
        except SourceError as error:
            self.errors.append(error)


class Scene:
    """One account after the other is visited; `opens` lets them in."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mailbox = Waiting()
        self.opens = asyncio.Event()
        self.meters: list[Meter] = []
        self.errors: list[Exception] = []
        self.memory = MemoryBudget(dict, 1000, self.clock)
        metrics = Metrics(CollectorRegistry(), "0")
        ports = SimpleNamespace(clock=self.clock)
        visitor: Any = FakeVisitor(self._unused, ports, SettlementTracker(self.clock), metrics, self.errors)
        keeper: Any = SimpleNamespace(keep_lease=lambda *_: None, is_paused=lambda _: False)
        self.active = ActiveVisits(visitor, keeper, Opening(self._open, self.memory))

    async def _open(self, _account: Account, _method: str | None, _within: float, meter: Meter) -> Opened:
        self.meters.append(meter)
        await self.opens.wait()
        return Opened(self.mailbox, None)

    async def _unused(self, _account: Account, _method: str | None, _within: float) -> Opened:
        raise AssertionError("the metered way is used")

    async def begin(self, name: str = "all") -> asyncio.Task[Any]:
        of = replace(account(), name=name)
        visit = self.active.begin_visit(of, Lease(Fence(of.id, 1), 0.0, 0))
        await settled()
        return visit

    def state(self) -> VisitState:
        return self.active.visits[0].state


async def settled() -> None:
    """Let all that can run go on until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_visit_is_connecting_until_it_is_let_in_and_silent_when_nothing_comes() -> None:
    scene = Scene()
    visit = await scene.begin()
    await scene.clock.advance(1000)
    assert scene.state() is VisitState.CONNECTING
    scene.opens.set()
    await settled()
    assert scene.state() is VisitState.WORKING
    await scene.clock.advance(SILENT_AFTER + 1)
    assert scene.state() is VisitState.SILENT
    scene.mailbox.listed_now.set()
    await settled()
    assert scene.state() is VisitState.WORKING
    visit.cancel()


async def test_octets_that_drip_are_no_progress_and_a_mail_that_moves_is() -> None:
    scene = Scene()
    visit = await scene.begin()
    scene.opens.set()
    scene.mailbox.listed_now.set()
    await settled()
    for _ in range(int(SLOW_AFTER) + 1):
        await scene.clock.advance(1)
        scene.meters[0].received(1)
        scene.mailbox.pieces.put_nowait(b"x")
        await settled()
    assert scene.state() is VisitState.SLOW
    scene.meters[0].received(PROGRESS_OCTETS)
    assert scene.state() is VisitState.WORKING
    visit.cancel()


async def test_while_others_wait_a_visit_without_progress_ends_and_closes() -> None:
    scene, slots = Scene(), VisitSlots(1, 0)
    visit = await scene.begin()
    scene.opens.set()
    await settled()
    await scene.clock.advance(STALL_LIMIT - 1)
    scene.active.make_room(slots)
    await settled()
    assert not visit.done()
    await scene.clock.advance(1)
    scene.active.make_room(slots)
    await visit
    assert [type(error) for error in scene.errors] == [PlaceTaken]
    assert "acme/all: its server made no progress for 15 seconds (silent)" in str(scene.errors[0])
    assert scene.mailbox.aborted
    assert not len(scene.active)


async def test_a_visit_that_is_not_let_in_ends_too() -> None:
    scene = Scene()
    visit = await scene.begin()
    await scene.clock.advance(STALL_LIMIT)
    scene.active.make_room(VisitSlots(1, 0))
    await visit
    assert [type(error) for error in scene.errors] == [PlaceTaken]


async def test_a_visit_that_does_not_wait_for_its_server_keeps_its_slot() -> None:
    scene = Scene()
    scene.opens.set()
    visit = await scene.begin()
    scene.mailbox.listed_now.set()
    await settled()
    monitor = next(iter(scene.active._visits.values()))
    monitor._waits_for_server = False  # as while the window is full
    await scene.clock.advance(1000)
    assert scene.state() is VisitState.WORKING
    scene.active.make_room(VisitSlots(1, 0))
    await settled()
    assert not visit.done()
    visit.cancel()


async def test_when_the_process_ends_visits_that_do_not_end_in_order_are_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.01)
    scene = Scene()
    connecting = await scene.begin("connecting")
    scene.opens.set()
    reading = await scene.begin("reading")
    await scene.active.finish_all()
    assert connecting.done()
    assert reading.done()
    assert {type(error) for error in scene.errors} == {ProcessEnds}


async def test_what_a_listing_takes_is_given_back_when_the_visit_is_over() -> None:
    scene = Scene()
    visit = await scene.begin()
    scene.meters[0].listed(10, 1)
    assert scene.memory.listing_octets > 0
    await scene.clock.advance(LOGIN_WITHIN + STALL_LIMIT)
    scene.active.make_room(VisitSlots(1, 0))
    await visit
    await settled()
    assert scene.memory.listing_octets == 0
