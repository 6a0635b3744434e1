"""What came of a retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.errors import MailferryError
from shared.model.mailbox import (
    Listed,
    MailBytes,
    MailEnded,
    MailRefused,
    MailStarted,
    MailWhole,
    RetrieveEvent,
)


@dataclass(slots=True)
class Read:
    """Mails and refusals, by number; `begun` are mails that did not come to their end."""

    mails: dict[int, bytes] = field(default_factory=dict)
    refused: dict[int, MailferryError] = field(default_factory=dict)
    begun: dict[int, bytes] = field(default_factory=dict)

    def add(self, event: RetrieveEvent) -> None:
        """Take an event. No mail comes twice."""
        number = event.entry.number
        assert number not in self.mails
        match event:
            case MailWhole(data=data):
                self.mails[number] = data
            case MailStarted():
                self.begun[number] = b""
            case MailBytes(data=data):
                assert data
                self.begun[number] += data
            case MailEnded(octets=octets):
                self.mails[number] = self.begun.pop(number)
                assert len(self.mails[number]) == octets
            case MailRefused(error=error):
                self.refused[number] = error
                self.begun.pop(number, None)


async def read(mailbox: Mailbox, entries: Sequence[Listed]) -> Read:
    """Return what comes of these mails."""
    found = Read()
    async for events in mailbox.retrieve(entries):
        assert events
        for event in events:
            assert event.entry in entries
            found.add(event)
    return found


async def read_all(mailbox: Mailbox, entries: Sequence[Listed]) -> list[bytes]:
    """Return all of these mails, in their order; none is refused."""
    found = await read(mailbox, entries)
    assert (found.refused, found.begun) == ({}, {})
    return [found.mails[entry.number] for entry in entries]
