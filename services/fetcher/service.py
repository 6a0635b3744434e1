"""The fetcher process: leases accounts that are due and visits them side by side.

Any number of fetchers share the accounts through the store. No visit begins while the broker is away or the
hints do not arrive: it could fetch nothing. Told to stop, a fetcher begins no new visit and lets those under
way end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from services.fetcher.decide.places import VisitState, free, tenant_room
from services.fetcher.maintenance.lease_keeper import Held, LeaseKeeper
from services.fetcher.maintenance.maintenance import Maintenance
from services.fetcher.scheduler.account_scheduler import AccountScheduler
from services.fetcher.scheduler.active_visits import ActiveVisits, Opening
from services.fetcher.scheduler.concurrency import MakeConcurrency
from services.fetcher.scheduler.settlement_listener import SettlementListener
from services.fetcher.scheduler.single_pass import BROKER_LOOK, SinglePass, broker_there, serve_the_spool
from services.fetcher.visit.report import Visit
from services.fetcher.visit.visiting import Visitor
from shared.config import Configuration
from shared.model.backoff import Backoff
from shared.model.errors import MailferryError
from shared.ports.broker import Broker
from shared.ports.store import Lease
from shared.runtime.stop import Stop

LONGEST_IDLE = 5.0
SHORTEST_IDLE = 0.002
"""Seconds. What is overdue and was not leased is just being leased by another process."""
SHORT_WHILE = 0.05
"""Where nothing more is due, several visits that end at about the same time are worth one look."""
PLACE_LOOK = 1.0
"""Seconds until it is looked again whether there is a place for somebody who waits for one."""
STORE_BACKOFF = Backoff(first=1.0, longest=15.0)
"""How long a database that is away is left alone."""

log = structlog.get_logger("mailferry.fetcher")


class Fetcher:
    """Visits accounts as they become due."""

    def __init__(
        self,
        configuration: Configuration,
        leases: Held,
        broker: Broker,
        visitor: Visitor,
        make_pace: MakeConcurrency,
        chores: Maintenance | None = None,
        opening: Opening | None = None,
    ) -> None:
        pace = make_pace(configuration)
        clock = visitor.ports.clock
        self._broker = broker
        self._visitor = visitor
        self._chores = chores
        self._make_pace = make_pace
        self._pace = pace
        self._clock = clock
        self._keeper = LeaseKeeper(leases, clock, pace.account_lease, visitor.metrics)
        self._agenda = AccountScheduler(configuration.accounts, leases, clock, visitor.name)
        self._under_way = ActiveVisits(visitor, self._keeper, opening)
        self._hearing = SettlementListener(broker, visitor.board, visitor.name)
        self._store_failures = 0
        self._all_begun = False

    async def run(self, stop: Stop) -> None:
        """Visit accounts until `stop` is asked for and the visits under way have ended."""
        async with self._helpers():
            while not stop.requested:
                self._under_way.changed.clear()
                changed = await self._pause(stop, await self._go_on())
                if changed and self._all_begun and not stop.requested:
                    await self._clock.sleep(SHORT_WHILE)
            await self._under_way.wind_up()

    async def visit_once(self, names: Sequence[str]) -> dict[str, Visit]:
        """Visit these accounts now, due or not, as soon as the broker is there; where it does not come in
        time, the visits say so.

        Those that another process visits are missing in the result, and those whose report could not be
        recorded.
        """
        single = SinglePass(self._agenda, self._under_way, self._keeper, self._pace)
        async with self._helpers():
            await self._agenda.schedule()
            await broker_there(self.problem, self._clock)
            if self._chores is not None:
                await serve_the_spool(self._chores.respool, self._visitor.board, self._visitor.limits)
            await single.run(names)
        return single.visits

    async def reload(self, configuration: Configuration) -> None:
        """Visit the accounts of another configuration from now on; visits under way go on as they began.

        What was changed, a password perhaps, is due at once.
        """
        self._agenda.change(configuration.accounts)
        if self._chores is not None:
            self._chores.respool.accounts = configuration.accounts
            self._chores.accounts.accounts = configuration.accounts
        self._pace = self._make_pace(configuration)
        self._under_way.changed.set()

    def count(self, state: VisitState) -> int:
        """How many visits are in this state now."""
        return self._under_way.count(state)

    def deletion_problem(self) -> str | None:
        """Why nothing is deleted at any source, as a sentence; None where nothing stands against it."""
        return self._chores.epoch.problem() if self._chores else None

    def problem(self) -> str | None:
        """Why no visit is begun now, as a sentence; None where nothing stands against it."""
        if (away := self._broker.problem()) is not None:
            return f"no visit is begun while {away}"
        return None if self._hearing.begun else "no visit is begun before hints arrive"

    def remark(self) -> str | None:
        """What those who watch the process should know, though it does its work."""
        restraint, chores = self._visitor.ports.restraint, self._chores
        said = [restraint.remark() if restraint else None, chores.accounts.remark() if chores else None]
        return "; ".join([each for each in said if each]) or None

    @asynccontextmanager
    async def _helpers(self) -> AsyncIterator[None]:
        """Hints are collected, leases renewed and chores done as long as there are visits."""
        if self._chores is not None:
            await self._chores.epoch.look()
        works = [self._hearing.run(), self._keeper.run()]
        if self._chores is not None:
            works += self._chores.begun()
        if self._visitor.ports.restraint is not None:
            works.append(self._visitor.ports.restraint.run())
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(work) for work in works]
            try:
                yield
            finally:
                for helper in helpers:
                    helper.cancel()

    async def _go_on(self) -> float:
        """Schedule the accounts if they are not, then start visits; returns the seconds to the next look."""
        if not self._agenda.is_scheduled:
            try:
                await self._agenda.schedule()
            except MailferryError as error:
                log.warning("accounts not scheduled", error=error)
                return self._longer_pause()
        if self.problem() is not None:
            return BROKER_LOOK
        return await self._start_due_visits()

    async def _start_due_visits(self) -> float:
        """Start as many visits as there are places; returns how many seconds may pass before the next look.

        Where somebody is due who finds no place, visits that make no progress are ended.
        """
        self._all_begun = False
        places, active = self._pace.places, self._under_way.active
        most, room = free(active, places), tenant_room(active, places)
        begun = 0
        try:
            if most:
                leases = await self._agenda.due(self._keeper.until(), most, self._pace.hosts, room)
                begun = len(leases)
                await self._begin_or_return(leases)
            self._all_begun = begun < most
            is_asked = self._all_begun or not most
            next_due = await self._agenda.next_due(self._pace.hosts) if is_asked else None
        except MailferryError as error:
            log.warning("no accounts leased", error=error)
            return self._longer_pause()
        self._store_failures = 0
        if next_due is None:
            return LONGEST_IDLE
        if next_due <= 0 and self._finds_no_place():
            self._under_way.make_room(places)
            return PLACE_LOOK
        return min(LONGEST_IDLE, max(SHORTEST_IDLE, next_due))

    def _finds_no_place(self) -> bool:
        """Whether accounts that are due may wait as all places are taken, or all that a tenant can have."""
        active, places = self._under_way.active, self._pace.places
        room = tenant_room(active, places)
        return not free(active, places) or (room is not None and min(room.left.values(), default=1) <= 0)

    def _longer_pause(self) -> float:
        """Return how long to leave a database alone that is away."""
        pause = STORE_BACKOFF.pause(self._store_failures)
        self._store_failures += 1
        return pause

    async def _begin_or_return(self, leases: Sequence[Lease]) -> None:
        """Begin the visits; leases of accounts that are not configured here are handed back."""
        strangers = []
        for lease in leases:
            account = self._agenda.accounts.get(lease.fence.account)
            if account is None:
                strangers.append(lease)
            else:
                self._under_way.begin(account, lease)
        if strangers:
            await self._agenda.hand_back(strangers)
            self._under_way.changed.set()

    async def _pause(self, stop: Stop, seconds: float) -> bool:
        """Until a slot is free, the accounts change, `stop` is asked for, or the time is over; whether it was
        not the time.
        """
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._under_way.changed)]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)
