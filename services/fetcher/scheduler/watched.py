"""A visit under way as the others see it: in which state it is, and how its place is taken from it.

The visit itself knows nothing of it. Its mailbox is wrapped, and each call of the mailbox ends with an error
where the place is taken; so the visit ends as it does when a connection breaks: what was fetched is in our
keeping and is delivered, and nothing is deleted without QUIT.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from typing_extensions import override

from services.fetcher.decide.places import PROGRESS_OCTETS, Active, VisitState, state_of
from services.fetcher.flow_control.listings import ListingMemory
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.opening import Opened, OpenMetered
from shared.model.account import Account
from shared.model.mailbox import Capabilities, Listed, Listing, MailBytes, MailStarted, Meter, RetrieveEvent
from shared.model.source_errors import SourceError
from shared.net.protection import Shortfall
from shared.ports.clock import Clock


class Watched(Meter):
    """The visit of `account` that begins now."""

    def __init__(self, account: Account, clock: Clock, listings: ListingMemory, opener: OpenMetered) -> None:
        self._account = account
        self._clock = clock
        self._listings = listings
        self._opener = opener
        self._begun_at = self._heard_at = self._progress_at = self._left_at = clock.monotonic()
        self._octets = 0
        self._logged_in = False
        self._waits = False
        self._limit: asyncio.Timeout | None = None
        self._error: SourceError | None = None

    @property
    def active(self) -> Active:
        """How it is doing now. While it waits for us and not for its server, it is working."""
        now = self._clock.monotonic()
        account, tenant = self._account.id, self._account.tenant
        if not self._logged_in:
            return Active(account, tenant, VisitState.CONNECTING, now - self._begun_at)
        if not self._waits:
            return Active(account, tenant, VisitState.WORKING, 0.0)
        idle = now - self._progress_at
        state = state_of(logged_in=True, silent_for=now - self._heard_at, idle=idle)
        return Active(account, tenant, state, idle)

    @property
    def is_ended(self) -> bool:
        """Whether its place was taken."""
        return self._error is not None

    def end(self, error: SourceError) -> None:
        """Have it end with `error` as soon as it waits for its server; at once where it does."""
        self._error = self._error or error
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def open(self, account: Account, method: str | None, connect_within: float) -> Opened:
        """Open the mailbox, wrapped. Raises what that raises, and the error given to `end`."""
        async with self.waits_for_server():
            opened = await self._opener(account, method, connect_within, self)
        self._logged_in = True
        self.progressed()
        return opened._replace(mailbox=WatchedMailbox(opened.mailbox, self))

    @override
    def received(self, octets: int) -> None:
        self._heard_at = self._clock.monotonic()
        self._octets += octets
        if self._octets >= PROGRESS_OCTETS:
            self.progressed()

    @override
    def listed(self, octets: int, lines: int) -> None:
        self._listings.take(self._account.id, octets, lines)

    def progressed(self) -> None:
        """An answer is whole, or enough of one came."""
        self._heard_at = self._progress_at = self._clock.monotonic()
        self._octets = 0

    @asynccontextmanager
    async def waits_for_server(self) -> AsyncIterator[None]:
        """Within it the visit can be ended. The time outside of it does not count as without progress."""
        self._raise_if_ended()
        ours = self._clock.monotonic() - self._left_at
        self._heard_at += ours
        self._progress_at += ours
        self._waits = True
        self._limit = limit = asyncio.timeout(None)
        try:
            async with limit:
                yield
        except TimeoutError:
            if limit.expired():
                self._raise_if_ended()
            raise
        finally:
            self._limit = None
            self._waits = False
            self._left_at = self._clock.monotonic()

    def _raise_if_ended(self) -> None:
        if self._error is not None:
            raise self._error


class WatchedMailbox(Mailbox):
    """The mailbox of a watched visit."""

    def __init__(self, mailbox: Mailbox, watched: Watched) -> None:
        self._mailbox = mailbox
        self._watched = watched

    @property
    @override
    def method(self) -> str | None:
        return self._mailbox.method

    @property
    @override
    def capabilities(self) -> Capabilities:
        return self._mailbox.capabilities

    @property
    @override
    def shortfall(self) -> Shortfall | None:
        return self._mailbox.shortfall

    @property
    @override
    def login_delay(self) -> float:
        return self._mailbox.login_delay

    @property
    @override
    def deletes_at_once(self) -> bool:
        return self._mailbox.deletes_at_once

    @property
    @override
    def remarks(self) -> Sequence[str]:
        return self._mailbox.remarks

    @override
    async def listing(self) -> Listing:
        async with self._one_answer():
            return await self._mailbox.listing()

    @override
    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        self._watched.progressed()
        source = self._mailbox.retrieve(entries, cut)
        try:
            while True:
                async with self._watched.waits_for_server():
                    events = await anext(source, None)
                if events is None:
                    return
                if any(not isinstance(each, (MailStarted, MailBytes)) for each in events):
                    self._watched.progressed()
                yield events
        finally:
            await _closed(source)

    @override
    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        source = aiter(self._mailbox.headers(entries))
        try:
            while True:
                async with self._one_answer():
                    header = await anext(source, None)
                if header is None:
                    return
                yield header
        finally:
            await _closed(source)

    @override
    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        async with self._one_answer():
            return await self._mailbox.delete(entries)

    @override
    async def header(self, entry: Listed) -> bytes:
        async with self._one_answer():
            return await self._mailbox.header(entry)

    @override
    async def still_there(self, entries: Sequence[Listed]) -> Collection[Listed] | None:
        async with self._one_answer():
            return await self._mailbox.still_there(entries)

    @override
    async def finish(self) -> None:
        async with self._one_answer():
            await self._mailbox.finish()

    @override
    async def abort(self) -> None:
        await self._mailbox.abort()

    @asynccontextmanager
    async def _one_answer(self) -> AsyncIterator[None]:
        self._watched.progressed()
        async with self._watched.waits_for_server():
            yield


async def _closed(source: object) -> None:
    if isinstance(source, AsyncGenerator):
        await source.aclose()
