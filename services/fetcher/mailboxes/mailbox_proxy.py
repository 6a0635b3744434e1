"""A mailbox that hands every call on to another one. What wraps a mailbox overrides the calls it is about."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence

from typing_extensions import override

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.mailbox import Capabilities, FolderFacts, Listed, Listing, ListingSpan, RetrieveEvent
from shared.net.protection import Shortfall


class MailboxProxy(Mailbox):
    """Hands every call on to `mailbox`."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

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
    def can_wait(self) -> bool:
        return self._mailbox.can_wait

    @property
    @override
    def waits_for_all(self) -> bool:
        return self._mailbox.waits_for_all

    @property
    @override
    def stays_open(self) -> bool:
        return self._mailbox.stays_open

    @property
    @override
    def remarks(self) -> Sequence[str]:
        return self._mailbox.remarks

    @property
    @override
    def memory(self) -> str:
        return self._mailbox.memory

    @override
    def recall(self, memory: str) -> None:
        self._mailbox.recall(memory)

    @override
    async def fingerprint(self) -> str:
        return await self._mailbox.fingerprint()

    @override
    def distrust_uids(self, folders: Collection[str]) -> None:
        self._mailbox.distrust_uids(folders)

    @override
    async def listing(self, since: str = "") -> Listing:
        return await self._mailbox.listing(since)

    @override
    def listing_spans(self, since: str = "") -> AsyncGenerator[ListingSpan, None]:
        return self._mailbox.listing_spans(since)

    @override
    async def folder_facts(self, *, deletes: bool) -> FolderFacts | None:
        return await self._mailbox.folder_facts(deletes=deletes)

    @override
    def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        return self._mailbox.retrieve(entries, cut)

    @override
    def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        return self._mailbox.headers(entries)

    @override
    def received(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, float | None]]:
        return self._mailbox.received(entries)

    @override
    async def header(self, entry: Listed) -> bytes:
        return await self._mailbox.header(entry)

    @override
    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        return await self._mailbox.delete(entries)

    @override
    async def still_there(self, entries: Sequence[Listed]) -> Collection[Listed] | None:
        return await self._mailbox.still_there(entries)

    @override
    async def mark_seen(self, entries: Sequence[Listed]) -> None:
        await self._mailbox.mark_seen(entries)

    @override
    async def finish(self) -> None:
        await self._mailbox.finish()

    @override
    async def wait_for_change(self) -> None:
        await self._mailbox.wait_for_change()

    @override
    def forget_listing(self) -> None:
        self._mailbox.forget_listing()

    @override
    async def resume(self) -> bool:
        return await self._mailbox.resume()

    @override
    async def abort(self) -> None:
        await self._mailbox.abort()
