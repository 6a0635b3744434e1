"""Keeps the sessions of mailboxes open between two visits, and notices when one of them changes.

An open mailbox is outside of any lease and proves nothing: a change is a hint to visit the account now, and
each account is visited now and then without one. Who leases the account visits it in the open session. A
session that breaks, or whose account another process visits, is given up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping

import structlog

from services.fetcher.mailboxes.opening import Opened, OpenMetered
from services.fetcher.watch.open_mailbox import LeftOpenMailbox, OpenMailbox, PassingMeter
from services.fetcher.watch.open_places import OpenPlaces
from services.fetcher.watch.watched_hosts import WatchedHosts
from shared.custody.commands import Fence
from shared.model.account import Account, Watch
from shared.model.errors import MailferryError
from shared.model.hosts import HostLimits
from shared.model.mailbox import UNMETERED, Meter
from shared.model.tenant_room import TenantRoom, tenant_of
from shared.ports.clock import Clock

UNTOLD_AFTER = 480.0
"""Seconds that a session has to have waited until mail counts that the server did not tell of. Visits that
left something behind come sooner than the safety poll."""
RESUME_WITHIN = 15.0
"""Seconds for a session to go on. A router may have forgotten the connection, so that no answer comes; a new
one is there sooner than `timeout` ends."""

log = structlog.get_logger("mailferry.fetcher")


class OpenMailboxes:
    """The sessions of one process that stay open.

    `most`: how many there may be at a time. Of each host they take at most half of its connections, and the
    one without mail for longest gives way to a visit. `changed` has the accounts that are to be visited;
    `lost` has those whose session ended, each with the time (seconds since the epoch) of its next visit.
    `change_seen` is set when one is added. `fences` has the numbers of the leases of the last visits here.
    """

    def __init__(self, open_metered: OpenMetered, clock: Clock, most: int, hosts: HostLimits) -> None:
        self.changed: dict[str, None] = {}
        self.lost: dict[str, float] = {}
        self.fences: dict[str, int] = {}
        self.change_seen = asyncio.Event()
        self._open = open_metered
        self._clock = clock
        self._places = OpenPlaces(most, hosts)
        self._sessions = self._places.sessions
        self._visiting: Counter[str] = Counter()
        self._watched_hosts = WatchedHosts()
        self._accounts: Mapping[str, Account] | None = None
        self._is_keeping = False

    def __len__(self) -> int:
        return len(self._sessions)

    def change_limits(self, most: int, hosts: HostLimits) -> None:
        """Use other limits for sessions that are kept from now on."""
        self._places.most, self._places.hosts = most, hosts

    async def keep_only(self, accounts: Mapping[str, Account]) -> None:
        """Keep only sessions of these accounts from now on, as they are here, and no more than there may be.
        End the others.
        """
        self._accounts = accounts
        for name in self._places.mail_at.keys() - accounts.keys():
            del self._places.mail_at[name]
        for name in self.fences.keys() - accounts.keys():
            del self.fences[name]
        for session in [*self._sessions.values()]:
            if not self._is_current(session.account):
                await self.drop(session.account.id)
        while len(self._sessions) > self._places.most:
            await self._give_way(self._places.quietest())

    def begin_keeping(self) -> None:
        """Keep sessions from now on; until then each ends with its visit."""
        self._is_keeping = True

    async def open(self, account: Account, method: str | None, connect_within: float, meter: Meter) -> Opened:
        """Return the open session of the account, or open one. It is an `OpenMetered`, and raises as that."""
        self.changed.pop(account.id, None)
        self.lost.pop(account.id, None)
        host = account.endpoint.host
        self._visiting[host] += 1
        try:
            session = self._sessions.pop(account.id, None)
            if session is not None and await self._go_on(session, account, meter):
                return Opened(LeftOpenMailbox(session, self), session.mailbox.method)
            await self._make_way(host)
            passing = PassingMeter()
            passing.visit = meter
            opened = await self._open(account, method, connect_within, passing)
        except BaseException:
            self._end_visit(host)
            raise
        return opened._replace(mailbox=LeftOpenMailbox(OpenMailbox(account, opened.mailbox, passing), self))

    async def keep(self, session: OpenMailbox) -> bool:
        """Keep a session whose visit ended in order; return False where it has to end."""
        if self._may_stay(session) and (rival := self._places.rival_of(session)) is not None:
            await self._give_way(rival)
        if not self._may_stay(session) or self._places.is_full(session.account.endpoint.host):
            return False
        account = session.account
        session.meter.visit = UNMETERED
        session.mailbox.forget_listing()
        session.kept_at = self._clock.monotonic()
        session.has_told = False
        self._sessions[account.id] = session
        if self._waits(session):
            session.waiting = asyncio.create_task(self._wait(session), name=f"watch {account.id}")
        return True

    def note_lease(self, fence: Fence) -> None:
        """An account is visited here under this lease."""
        account = self._accounts.get(fence.account) if self._accounts is not None else None
        if account is not None and account.watch is not Watch.OFF:
            self.fences[fence.account] = fence.number

    def note_mail(self, session: OpenMailbox) -> None:
        """The visit of a session read a mail."""
        account = session.account
        self._places.mail_at[account.id] = self._clock.monotonic()
        session.fruitless = 0
        if session.is_untold:
            session.is_untold = False
            self._watched_hosts.note_untold(account, self._clock.monotonic())
        elif session.has_told:
            self._watched_hosts.note_told(account.endpoint.host)

    def note_visit_end(self, session: OpenMailbox) -> None:
        """The visit of a session is over, or the session stays open."""
        self._end_visit(session.account.endpoint.host)

    async def drop(self, account: str) -> None:
        """End the session of an account, if there is one."""
        self.changed.pop(account, None)
        self.lost.pop(account, None)
        self.fences.pop(account, None)
        if (session := self._sessions.pop(account, None)) is not None:
            await self._give_up(session)

    def stop_keeping(self) -> None:
        """Keep no session from now on."""
        self._is_keeping = False

    async def close(self) -> None:
        """End all sessions."""
        while self._sessions:
            await self._give_up(self._sessions.popitem()[1])

    @property
    def waiting(self) -> list[asyncio.Task[None]]:
        """The tasks that wait for changes."""
        return [each.waiting for each in self._sessions.values() if each.waiting is not None]

    @property
    def sessions(self) -> list[OpenMailbox]:
        """The open sessions."""
        return [*self._sessions.values()]

    @property
    def names(self) -> list[str]:
        """The accounts of which something is known here."""
        return [*{**self._sessions, **self._places.mail_at, **self.fences}]

    @property
    def accounts(self) -> list[str]:
        """The accounts with an open session."""
        return [*self._sessions]

    def take_changed(
        self, most: int, busy: Collection[str] = (), room: TenantRoom | None = None
    ) -> list[str]:
        """Return up to `most` of the accounts that changed, longest ago first, and forget them. Those that
        are `busy`, and those whose tenant has no `room`, are left for later.
        """
        taken: list[str] = []
        of_tenant: Counter[str] = Counter()
        for account in [each for each in self.changed if each not in busy]:
            tenant = tenant_of(account)
            if len(taken) < most and (room is None or of_tenant[tenant] < room.of(tenant)):
                of_tenant[tenant] += 1
                taken.append(account)
        for account in taken:
            del self.changed[account]
        return taken

    async def _wait(self, session: OpenMailbox) -> None:
        account = session.account
        try:
            await session.mailbox.wait_for_change()
            session.has_told = True
            if (pause := session.pause()) > 0:
                await self._clock.sleep(pause)
        except MailferryError as error:
            log.info("watching ended", account=account.id, error=error)
            self._watched_hosts.note_end(account, error, self._clock.monotonic())
            await self._lose(session)
        except Exception:
            log.exception("watching ended unexpectedly", account=account.id)
            await self._lose(session)
        else:
            self.changed[account.id] = None
            self.change_seen.set()

    async def _lose(self, session: OpenMailbox) -> None:
        """Forget a session that ended; its account is visited after the usual time, as nobody tells now."""
        self._note_lost(session)
        await session.mailbox.abort()

    def _note_lost(self, session: OpenMailbox) -> None:
        account = session.account
        if self._sessions.get(account.id) is session:
            del self._sessions[account.id]
            self.changed.pop(account.id, None)
            self.lost[account.id] = self._clock.now() + account.retry_times.poll.shortest
            self.change_seen.set()

    async def _go_on(self, session: OpenMailbox, account: Account, meter: Meter) -> bool:
        """Return whether the visit goes on in the session; where it does not, end the session."""
        if session.account != account:
            await self._give_up(session)
            return False
        try:
            has_waited = session.waiting is not None
            await self._stop_waiting(session)
            session.meter.visit = meter
            async with asyncio.timeout(RESUME_WITHIN):
                session.has_told = await session.mailbox.resume() or session.has_told
        except (MailferryError, TimeoutError) as error:
            log.info("open session was lost", account=account.id, error=error)
            if isinstance(error, MailferryError):
                self._watched_hosts.note_end(account, error, self._clock.monotonic())
            await session.mailbox.abort()
            return False
        except BaseException:
            await session.mailbox.abort()
            raise
        waited = self._clock.monotonic() - session.kept_at if has_waited else 0.0
        session.is_untold = waited >= UNTOLD_AFTER and not session.has_told
        session.fruitless = session.fruitless + 1 if session.has_told else 0
        return True

    async def _give_way(self, session: OpenMailbox) -> None:
        log.info("open session gave way to another account", account=session.account.id)
        self._note_lost(session)
        await self._give_up(session)

    async def _give_up(self, session: OpenMailbox) -> None:
        try:
            await self._stop_waiting(session)
        finally:
            await session.mailbox.abort()

    async def _stop_waiting(self, session: OpenMailbox) -> None:
        task, session.waiting = session.waiting, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _make_way(self, host: str) -> None:
        """End open sessions of a host until its connections suffice for its visits."""
        most = self._places.hosts.of(host).connections
        while 0 < most < self._places.count_at(host) + self._visiting[host] and self._places.count_at(host):
            await self._give_way(self._places.quietest(host))

    def _end_visit(self, host: str) -> None:
        self._visiting[host] -= 1
        if not self._visiting[host]:
            del self._visiting[host]

    def _may_stay(self, session: OpenMailbox) -> bool:
        """Return whether the session may stay open where there is room."""
        account = session.account
        return (
            self._is_keeping
            and account.watch is not Watch.OFF
            and self._is_current(account)
            and account.id not in self._sessions
            and self._watched_hosts.bears(account.endpoint.host, self._clock.monotonic())
            and (account.watch is not Watch.IDLE or session.mailbox.can_wait or not self._tells(account))
        )

    def _waits(self, session: OpenMailbox) -> bool:
        account = session.account
        watches = account.watch is Watch.IDLE or (account.watch is Watch.AUTO and session.mailbox.can_wait)
        return watches and self._tells(account)

    def _tells(self, account: Account) -> bool:
        return self._watched_hosts.tells(account.endpoint.host, self._clock.monotonic())

    def _is_current(self, account: Account) -> bool:
        return account.enabled and (self._accounts is None or self._accounts.get(account.id) == account)
