"""RETR of many mails, answers kept in step with what was asked.

A mail that ends before the size that LIST gave may have been cut by a server that does not stuff dots (its
rest would then pass for the next answer). Such a mail is held back until the next answer proved that server
and we agree on where we are; at the end of all mails a NOOP provides that answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence

from services.fetcher.mailbox import (
    Listed,
    MailBytes,
    MailEnded,
    MailRefused,
    MailStarted,
    MailWhole,
    RetrieveEvent,
)
from services.fetcher.mailbox_errors import LimitExceeded, OutOfStep, SourceViolation
from services.fetcher.pop3 import commands
from services.fetcher.pop3.conversation import Conversation
from services.fetcher.pop3.events import Body, BodyData, BodyEnded, BodyStarted, Event, Reply
from services.fetcher.pop3.limits import Window
from services.fetcher.pop3.refusal import refused


class Retrieval:
    """One run over `entries`; `window` is None where each RETR has to wait for the answer to the one
    before.
    """

    def __init__(self, conversation: Conversation, entries: Sequence[Listed], window: Window | None) -> None:
        self._conversation = conversation
        self._waiting = deque(entries)
        self._asked: deque[Listed] = deque()
        self._asked_octets = 0
        self._window = window or Window(retrievals=1)
        self._unproven: MailWhole | MailEnded | None = None

    async def run(self) -> AsyncIterator[list[RetrieveEvent]]:
        """The events of all mails, as batches of what arrived together; a batch is never empty."""
        while self._waiting or self._asked or self._unproven is not None:
            events: list[RetrieveEvent] = []
            for event in await self._received():
                self._take(event, events)
            if events:
                yield events

    async def _ask_more(self) -> None:
        """Fill the window; with nothing left to ask for, ask for the proof that is missing."""
        batch = []
        while self._waiting and self._has_room():
            entry = self._waiting.popleft()
            self._asked.append(entry)
            self._asked_octets += entry.size
            batch.append(commands.retr(entry.number))
        if not self._asked and not self._conversation.outstanding:
            batch.append(commands.NOOP)
        await self._conversation.post(batch)

    def _has_room(self) -> bool:
        if not self._asked:
            return True
        return len(self._asked) < self._window.retrievals and self._asked_octets < self._window.octets

    async def _received(self) -> list[Event]:
        try:
            await self._ask_more()
            return await self._conversation.events()
        except SourceViolation as error:
            if self._unproven is None:
                raise
            entry = self._unproven.entry
            raise OutOfStep(
                f"Mail {entry.number} ended before its {entry.size} octets and no answer follows, so the "
                f"server may have cut it at a lone dot: {error}",
                entry=entry,
            ) from error
        except LimitExceeded as error:
            raise LimitExceeded(str(error), entry=self._asked[0] if self._asked else None) from error

    def _take(self, event: Event, events: list[RetrieveEvent]) -> None:
        if self._unproven is not None:
            events.append(self._unproven)
            self._unproven = None
        match event:
            case Body(data=data):
                entry = self._answered()
                self._deliver(MailWhole(entry, data), len(data), events)
            case BodyStarted():
                events.append(MailStarted(self._asked[0]))
            case BodyData(data=data):
                events.append(MailBytes(self._asked[0], data))
            case BodyEnded(octets=octets):
                self._deliver(MailEnded(self._answered(), octets), octets, events)
            case Reply(command, ok, code, text) if not ok and command is not commands.NOOP:
                entry = self._answered()
                where = f"Retrieving mail {entry.number} from {self._conversation.server}"
                events.append(MailRefused(entry, refused(where, code, text)))

    def _answered(self) -> Listed:
        entry = self._asked.popleft()
        self._asked_octets -= entry.size
        return entry

    def _deliver(self, mail: MailWhole | MailEnded, octets: int, events: list[RetrieveEvent]) -> None:
        if octets < mail.entry.size:
            self._unproven = mail
        else:
            events.append(mail)
