"""Has accounts visited whose open mailboxes changed or were lost, and ends sessions that others replaced."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import structlog

from services.fetcher.scheduler.account_scheduler import AccountScheduler
from services.fetcher.watch.open_mailboxes import OpenMailboxes
from shared.model.errors import MailferryError
from shared.model.tenant_room import TenantRoom
from shared.ports.clock import Clock
from shared.ports.store import FetcherStore, Lease

LOOK_EVERY = 3.0
"""Seconds until a session is ended whose account another process visited, or an operator paused. Until then
there may be two connections for one account, which all providers bear. A look is one query by primary keys.
"""

log = structlog.get_logger("mailferry.fetcher")


class ChangedAccounts:
    """Those of the sessions that this process keeps open."""

    def __init__(
        self, sessions: OpenMailboxes, scheduler: AccountScheduler, store: FetcherStore, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._scheduler = scheduler
        self._store = store
        self._clock = clock

    async def lease(
        self, most: int, until: float, busy: Collection[str], room: TenantRoom | None = None
    ) -> Sequence[Lease]:
        """Lease up to `most` accounts whose open mailboxes changed. One that another process visits is left
        to that. Those that are being visited here (`busy`) are leased later.

        Raises what the store raises; then the accounts are leased later, too.
        """
        await self._schedule_lost(busy)
        names = self._sessions.take_changed(most, busy, room)
        if not names:
            return []
        try:
            leases = await self._scheduler.lease_named(names, until, only_enabled=True)
        except BaseException:
            self._sessions.changed = dict.fromkeys([*names, *self._sessions.changed])
            raise
        for name in {*names} - {lease.fence.account for lease in leases}:
            await self._sessions.drop(name)
        return leases

    async def run(self) -> None:
        """End now and then the sessions whose accounts others visited or paused, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY)
            try:
                await self.end_surplus()
            except MailferryError as error:
                log.warning("open sessions not compared with the database", error=error)

    async def end_surplus(self) -> None:
        """End the sessions whose accounts others visited since, or paused. Raises what the store raises."""
        known = {name: self._sessions.fences.get(name) for name in self._sessions.accounts}
        if not known:
            return
        fences = await self._store.fences_of([*known])
        for name, fence in known.items():
            if fences.get(name) != fence and self._sessions.fences.get(name) == fence:
                log.info("open session ended, as another process has the account now", account=name)
                await self._sessions.drop(name)

    async def _schedule_lost(self, busy: Collection[str]) -> None:
        """Set when the accounts are visited whose sessions ended. The end of a visit would set another time,
        so those that are visited wait.
        """
        lost = {name: at for name, at in self._sessions.lost.items() if name not in busy}
        for at in {*lost.values()}:
            names = [name for name, each in lost.items() if each == at]
            await self._store.make_accounts_due(names, at)
            for name in names:
                if self._sessions.lost.get(name) == at:
                    del self._sessions.lost[name]
