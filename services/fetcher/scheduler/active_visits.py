"""The visits under way in this process: begun with a lease, which is kept as long as they last.

A visit that makes no progress gives its place up where others wait for one, and so does each that has not
ended in order within `GRACE` when the process ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

import structlog

from services.fetcher.decide.places import Active, Places, VisitState, to_end
from services.fetcher.flow_control.listings import ListingMemory
from services.fetcher.mailboxes.opening import Opened, OpenMetered
from services.fetcher.maintenance.lease_keeper import LeaseKeeper
from services.fetcher.scheduler.watched import Watched
from services.fetcher.visit.report import Visit
from services.fetcher.visit.visiting import Visitor
from shared.model.account import Account
from shared.model.mailbox import Meter
from shared.model.source_errors import PlaceTaken, ProcessEnds
from shared.ports.store import Lease

GRACE = 3.0
"""Seconds that visits get to end in order when the process ends. With what comes after them, the end of the
connections to targets and database, it has to be over within ten."""
REMIND = 60.0
"""Seconds between two lines in the log about accounts that wait."""

log = structlog.get_logger("mailferry.fetcher")


@dataclass(frozen=True, slots=True)
class Opening:
    """How mailboxes are opened so that one knows what their servers send, and what their listings take."""

    open_metered: OpenMetered
    listings: ListingMemory = field(default_factory=lambda: ListingMemory(0, dict))


def unmetered(visitor: Visitor) -> Opening:
    """As `visitor` opens them, where nothing is known of what arrives."""

    async def opened(account: Account, method: str | None, connect_within: float, _meter: Meter) -> Opened:
        return await visitor.open_mailbox(account, method, connect_within)

    return Opening(opened)


class ActiveVisits:
    """`changed` is set when one of them ends."""

    def __init__(self, visitor: Visitor, keeper: LeaseKeeper, opening: Opening | None = None) -> None:
        self.changed = asyncio.Event()
        self._visitor = visitor
        self._keeper = keeper
        self._opening = opening or unmetered(visitor)
        self._visits: dict[asyncio.Task[Visit], Watched] = {}
        self._said_at = -inf
        self._stopping = False

    def __len__(self) -> int:
        return len(self._visits)

    @property
    def accounts(self) -> Iterable[str]:
        """Those that are being visited."""
        return [fence.account for fence in self._keeper.fences]

    def begin(self, account: Account, lease: Lease) -> asyncio.Task[Visit]:
        """Visit `account`; the visit gives the lease back."""
        listings = self._opening.listings
        watched = Watched(account, self._visitor.ports.clock, listings, self._opening.open_metered)
        visit = asyncio.create_task(
            replace(self._visitor, open_mailbox=watched.open).visit(
                account, lease, lambda: self._stopping or self._keeper.is_paused(lease.fence)
            ),
            name=f"visit {account.id}",
        )
        self._keeper.keep(lease, visit)
        self._visits[visit] = watched
        visit.add_done_callback(self._ended)
        return visit

    @property
    def active(self) -> Sequence[Active]:
        """All of them as they are now."""
        return [watched.active for watched in self._visits.values()]

    def count(self, state: VisitState) -> int:
        """How many are in this state."""
        return sum(each.state is state for each in self.active)

    def make_room(self, places: Places) -> None:
        """Somebody waits for a place: end visits that make no progress, where it is they that are in the
        way, and log who waits for whom.
        """
        active = [watched.active for watched in self._visits.values() if not watched.is_ended]
        ended = frozenset(to_end(active, places))
        for watched in self._visits.values():
            each = watched.active
            if each.account in ended and not watched.is_ended:
                watched.end(
                    PlaceTaken(
                        f"account {each.account}: its server made no progress for {each.idle:.0f} seconds "
                        f"({each.state}) while other accounts waited for the place; it is tried again later"
                    )
                )
                self._visitor.metrics.places_taken.inc()
        moment = self._visitor.ports.clock.monotonic()
        if moment >= self._said_at + REMIND:
            self._said_at = moment
            states = Counter(each.state.value for each in self.active)
            log.info("accounts are due and wait for a place", visits=len(self._visits), **states)

    async def one_ended(self) -> None:
        """Wait for the next that ends; at once where there is none."""
        if self._visits:
            await asyncio.wait(self._visits, return_when=asyncio.FIRST_COMPLETED)

    async def wind_up(self) -> None:
        """Have them fetch and wait for nothing more, and wait until they have ended in order."""
        self._stopping = True
        self._visitor.board.end_waits()
        for watched in self._visits.values():
            if watched.active.state is VisitState.CONNECTING:
                watched.end(_process_ends(watched))
        if self._visits:
            await asyncio.wait(self._visits, timeout=GRACE)
        for watched in self._visits.values():
            watched.end(_process_ends(watched))
        if self._visits:
            await asyncio.wait(self._visits)

    async def break_off(self) -> None:
        """End them wherever they are."""
        for visit in self._visits:
            visit.cancel()
        if self._visits:
            await asyncio.wait(self._visits)

    def _ended(self, visit: asyncio.Task[Visit]) -> None:
        watched = self._visits.pop(visit)
        self._opening.listings.release(watched.active.account)
        self.changed.set()
        if not visit.cancelled() and (error := visit.exception()) is not None:
            log.warning("visit not reported", error=error)


def _process_ends(watched: Watched) -> ProcessEnds:
    return ProcessEnds(
        f"account {watched.active.account}: the visit was ended, as the process had to end while its server "
        "let it wait; the next process goes on with it"
    )
