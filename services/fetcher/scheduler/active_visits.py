"""The visits that run in this process. Each has a lease, which is kept as long as the visit lasts.

A visit without progress ends where other accounts wait for its slot. When the process ends, so does each
visit that has not finished within `GRACE`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf

import structlog

from services.fetcher.decide.throttled_hosts import ThrottledHosts
from services.fetcher.decide.visit_slots import ActiveVisit, VisitSlots, VisitState, visits_to_end
from services.fetcher.flow_control.memory_budget import MemoryBudget
from services.fetcher.mailboxes.opening import Opened, OpenMetered
from services.fetcher.maintenance.lease_keeper import LeaseKeeper
from services.fetcher.scheduler.visit_monitor import VisitMonitor
from services.fetcher.visit.report import Visit
from services.fetcher.visit.visiting import Visitor
from shared.model.account import Account
from shared.model.mailbox import Meter
from shared.model.source_errors import PlaceTaken, ProcessEnds
from shared.ports.store import Lease

GRACE = 3.0
"""Seconds that visits get to finish when the process ends. With what comes after them, the end of the
connections to targets and database, all has to be over within ten."""
REMIND_EVERY = 60.0
"""Seconds between two lines in the log about accounts that wait."""

log = structlog.get_logger("mailferry.fetcher")


@dataclass(frozen=True, slots=True)
class Opening:
    """How mailboxes are opened so that a meter sees what their servers send, and the memory for listings."""

    open_metered: OpenMetered
    memory: MemoryBudget


def unmetered(visitor: Visitor) -> Opening:
    """Return an opening as `visitor` has it, where nothing is known of what arrives."""

    async def opened(account: Account, method: str | None, connect_within: float, _meter: Meter) -> Opened:
        return await visitor.open_mailbox(account, method, connect_within)

    return Opening(opened, MemoryBudget(dict, 0, visitor.ports.clock))


class ActiveVisits:
    """`changed` is set when one of them ends. `opening` is how their mailboxes are opened. `throttled_hosts`
    is told how they ended.
    """

    def __init__(self, visitor: Visitor, keeper: LeaseKeeper, opening: Opening | None = None) -> None:
        self.changed = asyncio.Event()
        self._visitor = visitor
        self._keeper = keeper
        self.opening = opening or unmetered(visitor)
        self.throttled_hosts = ThrottledHosts()
        self._visits: dict[asyncio.Task[Visit], VisitMonitor] = {}
        self._reminded_at = -inf
        self._stopping = False

    def __len__(self) -> int:
        return len(self._visits)

    @property
    def accounts(self) -> Iterable[str]:
        """The accounts that are being visited."""
        return [fence.account for fence in self._keeper.fences]

    def begin_visit(self, account: Account, lease: Lease) -> asyncio.Task[Visit]:
        """Visit `account`; the visit gives the lease back."""
        opening = self.opening
        monitor = VisitMonitor(account, self._visitor.ports.clock, opening.memory, opening.open_metered)
        visit = asyncio.create_task(
            replace(self._visitor, open_mailbox=monitor.open).visit(
                account, lease, lambda: self._stopping or self._keeper.is_paused(lease.fence)
            ),
            name=f"visit {account.id}",
        )
        self._keeper.keep_lease(lease, visit)
        self._visits[visit] = monitor
        visit.add_done_callback(partial(self._on_end, account=account))
        return visit

    @property
    def visits(self) -> Sequence[ActiveVisit]:
        """All visits as they are now."""
        return [monitor.visit for monitor in self._visits.values()]

    def count(self, state: VisitState) -> int:
        """Return how many visits are in this state."""
        return sum(each.state is state for each in self.visits)

    def make_room(self, slots: VisitSlots) -> None:
        """End stalled visits that hold a slot for which others wait, and log now and then that accounts
        wait.
        """
        remaining = [monitor.visit for monitor in self._visits.values() if not monitor.is_ended]
        to_end = frozenset(visits_to_end(remaining, slots))
        for monitor in self._visits.values():
            visit = monitor.visit
            if visit.account in to_end and not monitor.is_ended:
                monitor.end_visit(
                    PlaceTaken(
                        f"account {visit.account}: its server made no progress for {visit.idle:.0f} seconds "
                        f"({visit.state}) while other accounts waited for a visit; it is tried again later"
                    )
                )
                self._visitor.metrics.places_taken.inc()
        now = self._visitor.ports.clock.monotonic()
        if now >= self._reminded_at + REMIND_EVERY:
            self._reminded_at = now
            states = Counter(each.state.value for each in self.visits)
            log.info("accounts are due and wait for a visit slot", visits=len(self._visits), **states)

    async def wait_for_one(self) -> None:
        """Wait until a visit ends; return at once where there is none."""
        if self._visits:
            await asyncio.wait(self._visits, return_when=asyncio.FIRST_COMPLETED)

    async def finish_all(self) -> None:
        """Let the visits fetch and wait for nothing more, and wait until they have ended."""
        self._stopping = True
        self._visitor.board.end_waits()
        for monitor in self._visits.values():
            if monitor.visit.state is VisitState.CONNECTING:
                monitor.end_visit(_process_ends(monitor))
        if self._visits:
            await asyncio.wait(self._visits, timeout=GRACE)
        for monitor in self._visits.values():
            monitor.end_visit(_process_ends(monitor))
        if self._visits:
            await asyncio.wait(self._visits)

    async def cancel_all(self) -> None:
        """Cancel the visits wherever they are."""
        for visit in self._visits:
            visit.cancel()
        if self._visits:
            await asyncio.wait(self._visits)

    def _on_end(self, visit: asyncio.Task[Visit], account: Account) -> None:
        monitor = self._visits.pop(visit)
        self.opening.memory.release_listing(monitor.visit.account)
        self.changed.set()
        if visit.cancelled():
            return
        if (error := visit.exception()) is not None:
            log.warning("visit not reported", error=error)
        else:
            now = self._visitor.ports.clock.monotonic()
            self.throttled_hosts.note_visit(account, visit.result().error, now)


def _process_ends(monitor: VisitMonitor) -> ProcessEnds:
    return ProcessEnds(
        f"account {monitor.visit.account}: the visit was ended, as the process had to end while its server "
        "kept it waiting; the next process continues it"
    )
