"""The fetcher process: leases accounts that are due and visits them side by side.

Any number of fetchers share the accounts through the store. No visit begins while the broker is away or the
hints do not arrive: it could fetch nothing. Told to stop, a fetcher begins no new visit and lets those under
way end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from services.fetcher.chores import Chores
from services.fetcher.hints import Watch
from services.fetcher.keeper import LeaseKeeper
from services.fetcher.schedule import bearable
from services.fetcher.session import Visit
from services.fetcher.visiting import Visitor
from shared.contract.codec import EVENT_CODEC, Undecodable
from shared.contract.events import MessageSettled
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.ops.config import Configuration
from shared.ops.stopping import Stop
from shared.ports.broker import Broker, Delivery
from shared.ports.store import Lease, Leases, Pauses, Schedule

HINT_PREFETCH = 2000
HINT_BATCH = 500
HINT_LINGER = 0.002
LONGEST_IDLE = 5.0
SHORTEST_IDLE = 0.002
"""Seconds. What is overdue and was not leased is just being leased by another process."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
UNKNOWN_ACCOUNT_DISTANCE = 10.0
UNKNOWN_ACCOUNT_PATIENCE = 86400.0
BROKER_LOOK = 0.1
BROKER_PATIENCE = 30.0

log = structlog.get_logger("mailferry.fetcher")


@dataclass(frozen=True, slots=True)
class Pace:
    """How many accounts are visited at once, how long a lease lasts in seconds, and what hosts bear."""

    concurrency: int
    account_lease: float
    hosts: HostLimits = NO_LIMITS


MakePace = Callable[[Configuration], Pace]


class Agenda(Leases, Pauses, Protocol):
    """What a fetcher needs of the store, apart from what its visits need."""


class Fetcher:
    """Visits accounts as they become due."""

    def __init__(
        self,
        configuration: Configuration,
        leases: Agenda,
        broker: Broker,
        visitor: Visitor,
        make_pace: MakePace,
        chores: Chores | None = None,
    ) -> None:
        pace = make_pace(configuration)
        self._accounts: dict[str, Account] = dict(configuration.accounts)
        self._leases = leases
        self._broker = broker
        self._visitor = visitor
        self._chores = chores
        self._make_pace = make_pace
        self._pace = pace
        self._clock = visitor.ports.clock
        self._keeper = LeaseKeeper(leases, self._clock, pace.account_lease, visitor.metrics)
        self._under_way: set[asyncio.Task[object]] = set()
        self._changed = asyncio.Event()
        self._hears_hints = False
        self._scheduled = False
        self._stopping = False
        self._failures_pause = FIRST_PAUSE
        self._strangers: dict[str, float] = {}
        self._mended: list[str] = []

    async def run(self, stop: Stop) -> None:
        """Visit accounts until `stop` is asked for and the visits under way have ended."""
        async with self._helpers():
            while not stop.asked:
                self._changed.clear()
                await self._pause(stop, await self._go_on())
            self._stopping = True
            self._visitor.board.end_waits()
            if self._under_way:
                await asyncio.wait(self._under_way)

    def deletion_problem(self) -> str | None:
        """Why nothing is deleted at any source, as a sentence; None where nothing stands against it."""
        return self._chores.epoch.problem() if self._chores else None

    def problem(self) -> str | None:
        """Why no visit is begun now, as a sentence; None where nothing stands against it."""
        if (away := self._broker.problem()) is not None:
            return f"no visit is begun while {away}"
        return None if self._hears_hints else "no visit is begun before hints arrive"

    async def reload(self, configuration: Configuration) -> None:
        """Visit the accounts of another configuration from now on; visits under way go on as they began.

        What was changed, a password perhaps, is due at once.
        """
        before, self._accounts = self._accounts, dict(configuration.accounts)
        changed = [each.id for each in self._accounts.values() if before.get(each.id) not in (None, each)]
        if self._chores is not None:
            self._chores.respool.accounts = configuration.accounts
        self._pace = self._make_pace(configuration)
        self._scheduled = False
        self._mended += changed
        self._changed.set()

    def remark(self) -> str | None:
        """What those who watch the process should know, though it does its work."""
        restraint = self._visitor.ports.restraint
        return restraint.remark() if restraint else None

    async def visit_once(self, names: Sequence[str]) -> dict[str, Visit]:
        """Visit these accounts now, due or not, as soon as the broker is there; where it does not come in
        time, the visits say so.

        Those that another process visits are missing in the result, and those whose report could not be
        recorded.
        """
        remaining = list(names)
        visits: dict[str, Visit] = {}
        async with self._helpers():
            await self._sync()
            await self._broker_there()
            await self._serve_the_spool()
            try:
                while remaining or self._under_way:
                    now, remaining = self._bearable(remaining)
                    await self._visit_now(now, visits)
                    if self._under_way:
                        await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await self._break_off()
        return visits

    async def _serve_the_spool(self) -> None:
        """Have the mails that only their blobs can serve set out again, and wait a while for them."""
        if self._chores is None:
            return
        watch, board, limits = Watch(), self._visitor.board, self._visitor.limits
        try:
            await self._chores.respool.publish_all(lambda messages: board.watch(watch, messages))
            await board.all_settled(watch, limits.settle_wait, limits.longest_wait)
        finally:
            board.forget(watch)

    def _bearable(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Those of `names` that can be visited now by what their hosts bear, and those that cannot."""
        busy = [self._accounts[fence.account].endpoint.host for fence in self._keeper.fences]
        hosts = {name: self._accounts[name].endpoint.host for name in names if name in self._accounts}
        return bearable(names, hosts, busy, self._pace.hosts, self._pace.concurrency - len(self._under_way))

    async def _broker_there(self) -> None:
        end = self._clock.monotonic() + BROKER_PATIENCE
        while self.problem() is not None and self._clock.monotonic() < end:
            await self._clock.sleep(BROKER_LOOK)

    async def _visit_now(self, names: Sequence[str], visits: dict[str, Visit]) -> None:
        """Begin visits; each puts its result into `visits` when it has one."""

        def note(visit: asyncio.Task[Visit], name: str) -> None:
            if not visit.cancelled() and visit.exception() is None:
                visits[name] = visit.result()

        if not names:
            return
        now = self._clock.now()
        for lease in await self._leases.lease_these(self._visitor.name, names, now, self._keeper.until()):
            self._keep(lease).add_done_callback(partial(note, name=lease.fence.account))

    async def _break_off(self) -> None:
        """End what is under way still: only where the pass itself was ended."""
        for visit in self._under_way:
            visit.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    @asynccontextmanager
    async def _helpers(self) -> AsyncIterator[None]:
        """Hints are collected, leases renewed and chores done as long as there are visits."""
        if self._chores is not None:
            await self._chores.epoch.look()
        works = [self._collect_hints(), self._keeper.run()]
        if self._chores is not None:
            works += self._chores.begun()
        async with asyncio.TaskGroup() as group:
            if self._visitor.ports.restraint is not None:
                works.append(self._visitor.ports.restraint.run())
            helpers = [group.create_task(work) for work in works]
            try:
                yield
            finally:
                for helper in helpers:
                    helper.cancel()

    async def _sync(self) -> None:
        schedules = [
            Schedule(each.id, each.patience.poll, each.enabled, each.endpoint.host)
            for each in self._accounts.values()
        ]
        await self._leases.sync_accounts(schedules, self._clock.now())
        if self._mended:
            await self._leases.make_due(self._mended, self._clock.now())
            self._mended = []

    async def _go_on(self) -> float:
        """Schedule the accounts if they are not, then start visits; returns the seconds to the next look."""
        if not self._scheduled:
            self._scheduled = True
            try:
                await self._sync()
            except MailferryError as error:
                self._scheduled = False
                log.warning("accounts not scheduled", error=error)
                return self._longer_pause()
        if self.problem() is not None:
            return BROKER_LOOK
        return await self._start_due_visits()

    async def _start_due_visits(self) -> float:
        """Start as many visits as there are slots; returns how many seconds may pass before the next look."""
        free = self._pace.concurrency - len(self._under_way)
        if free <= 0:
            return LONGEST_IDLE
        hosts = self._pace.hosts
        try:
            now = self._clock.now()
            leases = await self._leases.lease_due(self._visitor.name, now, self._keeper.until(), free, hosts)
            await self._keep_or_return(leases, now)
            full = len(leases) == free
            next_due = None if full else await self._leases.next_due(self._clock.now(), hosts)
        except MailferryError as error:
            log.warning("no accounts leased", error=error)
            return self._longer_pause()
        self._failures_pause = FIRST_PAUSE
        if next_due is None:
            return LONGEST_IDLE
        return min(LONGEST_IDLE, max(SHORTEST_IDLE, next_due - self._clock.now()))

    def _longer_pause(self) -> float:
        """How long to leave a database alone that is away: twice as long as the last time."""
        pause = self._failures_pause
        self._failures_pause = min(2 * pause, LONGEST_PAUSE)
        return pause

    async def _keep_or_return(self, leases: Sequence[Lease], now: float) -> None:
        """Begin the visits; leases of accounts that are not configured here are handed back."""
        unknown = {}
        for lease in leases:
            if lease.fence.account in self._accounts:
                self._keep(lease)
            else:
                unknown[lease.fence] = self._stranger_since(lease.fence.account, now)
        if unknown:
            await self._leases.hand_back(unknown, now + UNKNOWN_ACCOUNT_DISTANCE)
            self._changed.set()

    def _stranger_since(self, account: str, now: float) -> float:
        """When this fetcher first met an account that its file does not name, once that is long ago; else 0.

        Another fetcher may serve it by another file, older or newer. What nobody has visited in all that time
        no file names any more.
        """
        since = self._strangers.setdefault(account, now)
        return since if now - since > UNKNOWN_ACCOUNT_PATIENCE else 0.0

    def _keep(self, lease: Lease) -> asyncio.Task[Visit]:
        account = self._accounts[lease.fence.account]
        visit = asyncio.create_task(
            self._visitor.visit(
                account, lease, lambda: self._stopping or self._keeper.is_paused(lease.fence)
            ),
            name=f"visit {account.id}",
        )
        self._keeper.keep(lease, visit)
        self._under_way.add(visit)
        visit.add_done_callback(self._ended)
        return visit

    def _ended(self, visit: asyncio.Task[Visit]) -> None:
        self._under_way.discard(visit)
        self._changed.set()
        if not visit.cancelled() and (error := visit.exception()) is not None:
            log.warning("visit not reported", error=error)

    async def _pause(self, stop: Stop, seconds: float) -> None:
        """Until a slot is free, the accounts change, `stop` is asked for, or the time is over."""
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._changed)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _collect_hints(self) -> None:
        async with self._broker.subscribe_hints(self._visitor.name, HINT_PREFETCH) as hints:
            self._hears_hints = True
            while True:
                deliveries = await hints.batch(HINT_BATCH, HINT_LINGER)
                for delivery in deliveries:
                    self._post(delivery)
                await hints.ack(deliveries)

    def _post(self, delivery: Delivery) -> None:
        try:
            event = EVENT_CODEC.decode(delivery.body)
        except Undecodable as error:
            log.warning("hint not understood", error=error)
            return
        if isinstance(event, MessageSettled):
            self._visitor.board.post(event.message)
