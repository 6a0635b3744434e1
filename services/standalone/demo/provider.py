"""The provider in the demonstration: the bundled source with the mailbag in it; counts what it hands out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from typing_extensions import override

from services.standalone.demo.letters import Letter
from services.standalone.demo.pop3_session import Pop3Session
from services.standalone.demo.pop3_source import Pop3Source


class Provider(Pop3Source):
    """Holds `letters`; `handed_out` counts the mails that were asked for.

    `on_change` is called after every command.
    """

    def __init__(self, letters: Sequence[Letter], password: str, on_change: Callable[[], None]) -> None:
        mailboxes: dict[str, list[tuple[str, bytes]]] = {}
        for letter in letters:
            mailboxes.setdefault(letter.mailbox, []).append((letter.uid, letter.raw))
        super().__init__(mailboxes, password=password)
        self._on_change = on_change
        self.handed_out = 0

    @property
    def deleted(self) -> int:
        """How many mails were deleted by those who fetched them."""
        return sum(len(drop.deletions) for drop in self.maildrops.values())

    def left(self, mailbox: str) -> list[str]:
        """The uids of the mails that are there still."""
        return [uid for uid, _ in self.maildrops[mailbox].mails]

    @override
    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Pop3Session:
        return _Counting(self, reader, writer, self._on_change)


class _Counting(Pop3Session):
    def __init__(
        self,
        provider: Provider,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__(provider.maildrops, reader, writer)
        self._provider = provider
        self._on_change = on_change

    @override
    async def answer(self, line: str) -> bytes:
        answer = await super().answer(line)
        if line.upper().startswith("RETR ") and answer.startswith(b"+OK"):
            self._provider.handed_out += 1
        self._on_change()
        return answer
