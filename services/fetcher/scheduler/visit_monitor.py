"""Watches a visit from outside: knows its state, and ends it where another account needs its slot.

The visit itself knows nothing of it. Its mailbox is wrapped, and each call of the mailbox raises an error
once the visit is to end. So it ends as when a connection breaks: what was fetched is in Mailferry's custody
and is delivered, and nothing is deleted without QUIT.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from typing_extensions import override

from services.fetcher.decide.visit_slots import PROGRESS_OCTETS, ActiveVisit, VisitState, state_of
from services.fetcher.flow_control.memory_budget import MemoryBudget
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.mailbox_proxy import MailboxProxy
from services.fetcher.mailboxes.opening import Opened, OpenMetered
from shared.model.account import Account
from shared.model.mailbox import (
    FolderFacts,
    Listed,
    Listing,
    ListingSpan,
    MailBytes,
    MailStarted,
    Meter,
    RetrieveEvent,
)
from shared.model.source_errors import SourceError
from shared.ports.clock import Clock

Answer = TypeVar("Answer")


class VisitMonitor(Meter):
    """Watches the visit of `account` that begins now."""

    def __init__(self, account: Account, clock: Clock, memory: MemoryBudget, opener: OpenMetered) -> None:
        self._account = account
        self._clock = clock
        self._memory = memory
        self._opener = opener
        self._begun_at = self._received_at = self._progress_at = self._stopped_waiting_at = clock.monotonic()
        self._octets = 0
        self._logged_in = False
        self._waits_for_server = False
        self._timeout: asyncio.Timeout | None = None
        self._error: SourceError | None = None

    @property
    def visit(self) -> ActiveVisit:
        """The visit as it is now. It is working while it waits for Mailferry and not for its server."""
        now = self._clock.monotonic()
        account, tenant = self._account.id, self._account.tenant
        if not self._logged_in:
            return ActiveVisit(account, tenant, VisitState.CONNECTING, now - self._begun_at)
        if not self._waits_for_server:
            return ActiveVisit(account, tenant, VisitState.WORKING, 0.0)
        idle = now - self._progress_at
        state = state_of(logged_in=True, silent_for=now - self._received_at, idle=idle)
        return ActiveVisit(account, tenant, state, idle)

    @property
    def is_ended(self) -> bool:
        """Whether `end_visit` was called."""
        return self._error is not None

    def end_visit(self, error: SourceError) -> None:
        """Have the visit end with `error` as soon as it waits for its server; at once where it does."""
        self._error = self._error or error
        if self._timeout is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time())

    async def open(self, account: Account, method: str | None, connect_within: float) -> Opened:
        """Open the mailbox, wrapped. Raises what that raises, and the error given to `end_visit`."""
        async with self.waiting_for_server():
            opened = await self._opener(account, method, connect_within, self)
        self._logged_in = True
        self.record_progress()
        return opened._replace(mailbox=MonitoredMailbox(opened.mailbox, self))

    @override
    def received(self, octets: int) -> None:
        self._received_at = self._clock.monotonic()
        self._octets += octets
        if self._octets >= PROGRESS_OCTETS:
            self.record_progress()

    @override
    def listed(self, octets: int, lines: int) -> None:
        self._memory.add_to_listing(self._account.id, octets, lines)

    @override
    def listing_released(self) -> None:
        self._memory.release_listing(self._account.id)

    def record_progress(self) -> None:
        """Record that an answer is complete, or that enough of one arrived."""
        self._received_at = self._progress_at = self._clock.monotonic()
        self._octets = 0

    @asynccontextmanager
    async def waiting_for_server(self) -> AsyncIterator[None]:
        """Let the visit be ended while inside. The time outside does not count as time without progress."""
        self._raise_if_ended()
        outside = self._clock.monotonic() - self._stopped_waiting_at
        self._received_at += outside
        self._progress_at += outside
        self._waits_for_server = True
        self._timeout = timeout = asyncio.timeout(None)
        try:
            async with timeout:
                yield
        except TimeoutError:
            if timeout.expired():
                self._raise_if_ended()
            raise
        finally:
            self._timeout = None
            self._waits_for_server = False
            self._stopped_waiting_at = self._clock.monotonic()

    def _raise_if_ended(self) -> None:
        if self._error is not None:
            raise self._error


class MonitoredMailbox(MailboxProxy):
    """The mailbox of a visit that is watched."""

    def __init__(self, mailbox: Mailbox, monitor: VisitMonitor) -> None:
        super().__init__(mailbox)
        self._monitor = monitor

    @override
    async def fingerprint(self) -> str:
        async with self._one_answer():
            return await self._mailbox.fingerprint()

    @override
    async def listing(self, since: str = "") -> Listing:
        async with self._one_answer():
            return await self._mailbox.listing(since)

    @override
    async def listing_spans(self, since: str = "") -> AsyncGenerator[ListingSpan, None]:
        async for span in self._answers(self._mailbox.listing_spans(since)):
            yield span

    @override
    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        self._monitor.record_progress()
        source = self._mailbox.retrieve(entries, cut)
        try:
            while True:
                async with self._monitor.waiting_for_server():
                    events = await anext(source, None)
                if events is None:
                    return
                if any(not isinstance(each, (MailStarted, MailBytes)) for each in events):
                    self._monitor.record_progress()
                yield events
        finally:
            await _close(source)

    @override
    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        async for answer in self._answers(self._mailbox.headers(entries)):
            yield answer

    @override
    async def received(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, float | None]]:
        async for answer in self._answers(self._mailbox.received(entries)):
            yield answer

    @override
    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        async with self._one_answer():
            return await self._mailbox.delete(entries)

    @override
    async def header(self, entry: Listed) -> bytes:
        async with self._one_answer():
            return await self._mailbox.header(entry)

    @override
    async def folder_facts(self, *, deletes: bool) -> FolderFacts | None:
        async with self._one_answer():
            return await self._mailbox.folder_facts(deletes=deletes)

    @override
    async def mark_seen(self, entries: Sequence[Listed]) -> None:
        async with self._one_answer():
            await self._mailbox.mark_seen(entries)

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

    async def _answers(self, answers: AsyncIterator[Answer]) -> AsyncIterator[Answer]:
        try:
            while True:
                async with self._one_answer():
                    answer = await anext(answers, None)
                if answer is None:
                    return
                yield answer
        finally:
            await _close(answers)

    @asynccontextmanager
    async def _one_answer(self) -> AsyncIterator[None]:
        self._monitor.record_progress()
        async with self._monitor.waiting_for_server():
            yield


async def _close(source: object) -> None:
    if isinstance(source, AsyncGenerator):
        await source.aclose()
