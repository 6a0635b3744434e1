"""Keeps the sessions of mailboxes open between two visits, and notices when one of them changes.

An open mailbox is outside of any lease and proves nothing: a change is a hint to visit the account now, and
each account is visited now and then without one. Who leases the account visits it in the open session. A
session that breaks, or whose account another process visits, is given up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

import structlog
from typing_extensions import override

from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.mailbox_proxy import MailboxProxy
from services.fetcher.mailboxes.opening import Opened, OpenMetered
from shared.model.account import Account, Watch
from shared.model.errors import MailferryError
from shared.model.hosts import HostLimits
from shared.model.mailbox import UNMETERED, Meter
from shared.ports.clock import Clock

log = structlog.get_logger("mailferry.fetcher")


class PassingMeter(Meter):
    """Hands on what it counts to the meter of the visit of this moment."""

    def __init__(self) -> None:
        self.visit: Meter = UNMETERED

    @override
    def received(self, octets: int) -> None:
        self.visit.received(octets)

    @override
    def listed(self, octets: int, lines: int) -> None:
        self.visit.listed(octets, lines)


@dataclass(slots=True)
class OpenMailbox:
    """An open session of `account`. `waiting` is the task that waits for a change; None: nobody does."""

    account: Account
    mailbox: Mailbox
    meter: PassingMeter
    waiting: asyncio.Task[None] | None = None


class LeftOpenMailbox(MailboxProxy):
    """The mailbox of a visit, whose session is handed to `keeper` when the visit ends in order."""

    def __init__(self, session: OpenMailbox, keeper: OpenMailboxes) -> None:
        super().__init__(session.mailbox)
        self._session = session
        self._keeper = keeper
        self._is_left_open = False

    @property
    @override
    def stays_open(self) -> bool:
        return self._is_left_open and self._session.account.watch is Watch.IDLE

    @override
    async def finish(self) -> None:
        if self._keeper.keep(self._session):
            self._is_left_open = True
        else:
            await super().finish()

    @override
    async def abort(self) -> None:
        if not self._is_left_open:
            await super().abort()


class OpenMailboxes:
    """The sessions of one process that stay open.

    `most`: how many there may be at a time. Of each host they take at most half of its connections. `changed`
    has the accounts that are to be visited; `change_seen` is set when one is added.
    """

    def __init__(self, open_metered: OpenMetered, clock: Clock, most: int, hosts: HostLimits) -> None:
        self.changed: dict[str, None] = {}
        self.change_seen = asyncio.Event()
        self._open = open_metered
        self._clock = clock
        self._most = most
        self._hosts = hosts
        self._sessions: dict[str, OpenMailbox] = {}
        self._is_keeping = False

    def __len__(self) -> int:
        return len(self._sessions)

    def change_limits(self, most: int, hosts: HostLimits) -> None:
        """Use other limits for sessions that are kept from now on."""
        self._most, self._hosts = most, hosts

    def begin_keeping(self) -> None:
        """Keep sessions from now on; until then each ends with its visit."""
        self._is_keeping = True

    async def open(self, account: Account, method: str | None, connect_within: float, meter: Meter) -> Opened:
        """Return the open session of the account, or open one. It is an `OpenMetered`, and raises as that."""
        if (session := self._sessions.pop(account.id, None)) is not None:
            if session.account == account and await self._resume(session, meter):
                return Opened(LeftOpenMailbox(session, self), session.mailbox.method)
            await self._give_up(session)
        passing = PassingMeter()
        passing.visit = meter
        opened = await self._open(account, method, connect_within, passing)
        if account.watch is Watch.OFF:
            return opened
        session = OpenMailbox(account, opened.mailbox, passing)
        return opened._replace(mailbox=LeftOpenMailbox(session, self))

    def keep(self, session: OpenMailbox) -> bool:
        """Keep a session whose visit ended in order; return False where it has to end."""
        account = session.account
        if not self._is_keeping or len(self._sessions) >= self._most or self._host_is_full(account):
            return False
        if account.watch is Watch.IDLE and not session.mailbox.can_wait:
            return False
        session.meter.visit = UNMETERED
        self._sessions[account.id] = session
        if account.watch is Watch.IDLE:
            session.waiting = asyncio.create_task(self._wait(session), name=f"watch {account.id}")
        return True

    async def drop(self, account: str) -> None:
        """End the session of an account, if there is one."""
        if (session := self._sessions.pop(account, None)) is not None:
            await self._give_up(session)

    def stop_keeping(self) -> None:
        """Keep no session from now on."""
        self._is_keeping = False

    async def close(self) -> None:
        """End all sessions."""
        sessions, self._sessions = [*self._sessions.values()], {}
        for session in sessions:
            await self._give_up(session)

    @property
    def waiting(self) -> list[asyncio.Task[None]]:
        """The tasks that wait for changes."""
        return [each.waiting for each in self._sessions.values() if each.waiting is not None]

    @property
    def accounts(self) -> list[str]:
        """The accounts with an open session."""
        return [*self._sessions]

    def without_open(self, hosts: HostLimits) -> HostLimits:
        """Return what the limits leave to visits: each open session takes one connection of its host."""
        if not self._sessions:
            return hosts
        taken = Counter(each.account.endpoint.host for each in self._sessions.values())
        return hosts.less_connections(taken)

    def take_changed(self, most: int) -> list[str]:
        """Return up to `most` of the accounts that changed, longest ago first, and forget them."""
        taken = [*self.changed][:most]
        for account in taken:
            del self.changed[account]
        return taken

    async def _wait(self, session: OpenMailbox) -> None:
        account = session.account
        try:
            await session.mailbox.wait_for_change()
        except MailferryError as error:
            log.info("watching ended", account=account.id, error=error)
            self._sessions.pop(account.id, None)
            await session.mailbox.abort()
            await self._clock.sleep(account.retry_times.poll)
        self.changed[account.id] = None
        self.change_seen.set()

    async def _resume(self, session: OpenMailbox, meter: Meter) -> bool:
        """Return whether the session goes on."""
        await self._stop_waiting(session)
        session.meter.visit = meter
        try:
            await session.mailbox.resume()
        except MailferryError as error:
            log.info("open session was lost", account=session.account.id, error=error)
            return False
        self.changed.pop(session.account.id, None)
        return True

    async def _give_up(self, session: OpenMailbox) -> None:
        await self._stop_waiting(session)
        await session.mailbox.abort()

    async def _stop_waiting(self, session: OpenMailbox) -> None:
        task, session.waiting = session.waiting, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _host_is_full(self, account: Account) -> bool:
        most = self._hosts.of(account.endpoint.host).connections
        taken = Counter(each.account.endpoint.host for each in self._sessions.values())
        return 0 < most <= 2 * taken[account.endpoint.host]
