"""The fetcher process: it leases accounts that are due and visits them side by side.

Any number of fetchers share the accounts through the store. No visit begins while the broker is away or hints
do not arrive, as it could fetch nothing. When a fetcher has to stop, it begins no new visit and lets the
active ones end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager

import structlog

from services.fetcher.decide.visit_slots import VisitState, free_slots, free_slots_by_tenant
from services.fetcher.flow_control.settlement_tracker import SettlementListener
from services.fetcher.maintenance.host_memory import HostMemory
from services.fetcher.maintenance.lease_keeper import LeaseKeeper
from services.fetcher.maintenance.maintenance import Maintenance
from services.fetcher.scheduler.account_scheduler import AccountScheduler
from services.fetcher.scheduler.active_visits import ActiveVisits, Opening
from services.fetcher.scheduler.concurrency import MakeConcurrency
from services.fetcher.scheduler.single_pass import (
    BROKER_CHECK_EVERY,
    SinglePass,
    republish_spool,
    wait_for_broker,
)
from services.fetcher.visit.report import Visit
from services.fetcher.visit.visiting import Visitor
from services.fetcher.watch.changed_accounts import ChangedAccounts
from services.fetcher.watch.open_mailboxes import OpenMailboxes
from shared.config import Configuration
from shared.imap.refused_features import REFUSED
from shared.model.backoff import Backoff
from shared.model.errors import MailferryError, joined
from shared.ports.broker import Broker
from shared.ports.store import Lease
from shared.runtime.registry import Registry
from shared.runtime.stop import Stop

LONGEST_IDLE = 5.0
"""Seconds between two looks for accounts that are due."""
SHORTEST_IDLE = 0.002
"""Seconds. An account that is overdue and was not leased is just being leased by another process."""
VISIT_END_LINGER = 0.05
"""Seconds to wait after the end of a visit where no more accounts are due: one look then serves all visits
that end at about the same time. No `Batcher`, as nothing is collected."""
SLOT_CHECK_EVERY = 1.0
"""Seconds until the next look for a free slot where an account waits for one."""
STORE_BACKOFF = Backoff(first=1.0, longest=15.0)
"""How long to wait before a database that is away is asked again."""

log = structlog.get_logger("mailferry.fetcher")


class Fetcher:
    """Visits accounts as they become due."""

    def __init__(
        self,
        configuration: Configuration,
        registry: Registry,
        broker: Broker,
        visitor: Visitor,
        make_concurrency: MakeConcurrency,
        maintenance: Maintenance | None = None,
        opening: Opening | None = None,
        open_mailboxes: OpenMailboxes | None = None,
    ) -> None:
        concurrency = make_concurrency(configuration, registry.extent)
        clock, leases = visitor.ports.clock, visitor.leases
        self._configuration = configuration
        self._registry = registry
        self._broker = broker
        self._visitor = visitor
        self._maintenance = maintenance
        self._make_concurrency = make_concurrency
        self._concurrency = concurrency
        self._clock = clock
        self._keeper = LeaseKeeper(leases, clock, concurrency.account_lease, visitor.metrics)
        self._scheduler = AccountScheduler(registry, leases, clock, visitor.name)
        self._active = ActiveVisits(visitor, self._keeper, opening)
        self._host_memory = HostMemory(leases, clock, REFUSED, self._active.throttled_hosts)
        if open_mailboxes is None:
            open_mailboxes = OpenMailboxes(self._active.opening.open_metered, clock, 0, concurrency.hosts)
        self._open_mailboxes = open_mailboxes
        self._changed_accounts = ChangedAccounts(open_mailboxes, self._scheduler, leases, clock)
        self._listener = SettlementListener(broker, visitor.board, visitor.name)
        self._store_failures = 0
        self._all_due_begun = False

    async def run(self, stop: Stop) -> None:
        """Visit accounts until `stop` is asked for and the active visits have ended."""
        await self.use_changes()
        self._open_mailboxes.begin_keeping()
        try:
            async with self._background_tasks(self._changed_accounts.run()):
                while not stop.requested:
                    self._active.changed.clear()
                    self._open_mailboxes.change_seen.clear()
                    woken = await self._sleep_unless_woken(stop, await self._begin_visits())
                    if woken and self._all_due_begun and not stop.requested:
                        await self._clock.sleep(VISIT_END_LINGER)
                self._open_mailboxes.stop_keeping()
                await self._active.finish_all()
        finally:
            self._open_mailboxes.stop_keeping()
            await self._open_mailboxes.close()

    async def visit_once(self, names: Sequence[str]) -> dict[str, Visit]:
        """Visit these accounts now, due or not, as soon as the broker is there, and return the results. Where
        the broker does not come in time, the visits report that.

        Accounts that another process visits are missing in the result, and those whose report could not be
        recorded.
        """
        self._use_limits()
        single = SinglePass(self._scheduler, self._active, self._keeper, self._concurrency)
        async with self._background_tasks():
            await wait_for_broker(self.problem, self._clock)
            if self._maintenance is not None:
                await republish_spool(
                    self._maintenance.republisher, self._visitor.board, self._visitor.limits
                )
            await single.run(names)
        return single.visits

    async def reload(self, configuration: Configuration) -> None:
        """Use another configuration from now on; active visits continue as they began."""
        self._configuration = configuration
        await self.use_changes()

    async def use_changes(self) -> None:
        """Use the registry as it is now: its extent, and the accounts whose sessions are open.

        While the database is away, sessions stay open as they are.
        """
        self._use_limits()
        try:
            await self._scheduler.load(self._open_mailboxes.names)
        except MailferryError as error:
            log.warning("accounts of open sessions not read", error=error)
            return
        await self._open_mailboxes.keep_only(self._scheduler.accounts)
        self._active.changed.set()

    def _use_limits(self) -> None:
        """Visit and watch as many mailboxes at a time as configuration and registry allow now."""
        self._concurrency = self._make_concurrency(self._configuration, self._registry.extent)
        self._open_mailboxes.change_limits(self._concurrency.open_sessions, self._concurrency.hosts)

    @property
    def concurrency(self) -> int:
        """How many visits are made at a time."""
        return self._concurrency.visits

    def count(self, state: VisitState) -> int:
        """Return how many visits are in this state now."""
        return self._active.count(state)

    def deletion_problem(self) -> str | None:
        """Return why nothing is deleted at any source, as a sentence; None where that is not so."""
        return self._maintenance.epoch_monitor.problem() if self._maintenance else None

    def problem(self) -> str | None:
        """Return why no visit begins now, as a sentence; None where that is not so."""
        if (away := self._broker.problem()) is not None:
            return f"no visit is begun while {away}"
        return None if self._listener.is_subscribed else "no visit is begun before hints arrive"

    def remark(self) -> str | None:
        """Return what an operator should know, though the process works; None where there is nothing."""
        backpressure, maintenance = self._visitor.ports.backpressure, self._maintenance
        remarks = [
            backpressure.remark() if backpressure else None,
            maintenance.account_monitor.remark() if maintenance else None,
        ]
        return joined(filter(None, remarks)) or None

    @asynccontextmanager
    async def _background_tasks(self, *others: Coroutine[None, None, None]) -> AsyncIterator[None]:
        """Receive hints, renew leases and do maintenance while inside, and the `others`."""
        if self._maintenance is not None:
            await self._maintenance.epoch_monitor.compare()
            await self._host_memory.exchange()
        works = [self._listener.run(), self._keeper.run(), *others]
        if self._maintenance is not None:
            works += [*self._maintenance.tasks(), self._host_memory.run()]
        if self._visitor.ports.backpressure is not None:
            works.append(self._visitor.ports.backpressure.run())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
        if self._maintenance is not None:
            await self._host_memory.exchange()

    async def _begin_visits(self) -> float:
        """Begin visits unless something keeps us from it; return the seconds until the next look."""
        if self.problem() is not None:
            return BROKER_CHECK_EVERY
        return await self._begin_due_visits()

    async def _begin_due_visits(self) -> float:
        """Begin as many visits as there are free slots; return the seconds until the next look.

        Where an account is due and finds no slot, visits that make no progress are ended.
        """
        self._all_due_begun = False
        slots, visits = self._concurrency.slots, self._active.visits
        hosts = self._active.throttled_hosts.slowed(self._concurrency.hosts, self._clock.monotonic())
        most = free_slots(visits, slots)
        begun = 0
        try:
            if most:
                begun = await self._begin_changed(most)
            if begun < most:
                until = self._keeper.lease_end()
                most_by_tenant = free_slots_by_tenant(self._active.visits, slots)
                leases = await self._scheduler.lease_due(until, most - begun, hosts, most_by_tenant)
                begun += len(leases)
                self._begin(leases)
            self._all_due_begun = begun < most
            needs_next_due = self._all_due_begun or not most
            next_due = await self._scheduler.next_due(hosts) if needs_next_due else None
        except MailferryError as error:
            log.warning("no accounts leased", error=error)
            return self._store_pause()
        self._store_failures = 0
        if next_due is None:
            return LONGEST_IDLE
        if next_due <= 0 and self._slots_are_taken():
            self._active.make_room(slots)
            return SLOT_CHECK_EVERY
        return min(LONGEST_IDLE, max(SHORTEST_IDLE, next_due))

    async def _begin_changed(self, most: int) -> int:
        """Visit accounts whose open mailboxes changed; return how many."""
        leases = await self._changed_accounts.lease(
            most,
            self._keeper.lease_end(),
            frozenset(self._active.accounts),
            free_slots_by_tenant(self._active.visits, self._concurrency.slots),
        )
        self._begin(leases)
        return len(leases)

    def _slots_are_taken(self) -> bool:
        """Whether due accounts may wait because all slots are taken, or all that a tenant can have."""
        visits, slots = self._active.visits, self._concurrency.slots
        by_tenant = free_slots_by_tenant(visits, slots)
        return not free_slots(visits, slots) or (
            by_tenant is not None and min(by_tenant.left.values(), default=1) <= 0
        )

    def _store_pause(self) -> float:
        """Return the seconds to wait before a database that is away is asked again."""
        pause = STORE_BACKOFF.pause(self._store_failures)
        self._store_failures += 1
        return pause

    def _begin(self, leases: Sequence[Lease]) -> None:
        """Begin the visits of accounts that are at hand."""
        for lease in leases:
            account = self._scheduler.accounts.get(lease.fence.account)
            if account is not None:  # else it was forgotten just now, and the lease runs out
                self._open_mailboxes.note_lease(lease.fence)
                self._active.begin_visit(account, lease)

    def _wakers(self, stop: Stop) -> Sequence[Stop | asyncio.Event]:
        return stop, self._active.changed, self._open_mailboxes.change_seen

    async def _sleep_unless_woken(self, stop: Stop, seconds: float) -> bool:
        """Wait until a visit ends, the accounts or an open mailbox change, or `stop` is asked for.

        Return False where that took more than so many seconds.
        """
        waits = [asyncio.create_task(event.wait()) for event in self._wakers(stop)]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)
