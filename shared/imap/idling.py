"""Wait until a folder changes (IDLE; RFC 2177). What the server tells is a hint, and proves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from shared.imap.commands import DONE, IDLE
from shared.imap.conversation import Conversation
from shared.imap.events import Event, Exists, Gone, IdleStarted, MailboxStatus, Notice, Reply
from shared.imap.refusals import refused_command
from shared.model.source_errors import LimitExceeded

RENEW_AFTER = 540.0
"""Seconds until IDLE is sent anew. Servers may end a session after 30 minutes without a command (RFC 2177),
and some stop telling long before that."""
LONGEST_SILENCE = RENEW_AFTER + 60.0
"""Seconds without an octet. A server may be silent as long as nothing happens."""
MOST_OCTETS = 256 * 1024
"""Octets from one IDLE to the next. A server has some remarks to make, every minute perhaps, and no more."""


NOTIFICATIONS_ENDED = "NOTIFICATIONOVERFLOW"
"""The server tells nothing more of other folders (RFC 5465, section 5.8): somebody has to look."""


class Idling:
    """Waits in the selected folder of one session, and in those that NOTIFY named.

    `has_told_of_others`: the server told of a change in one of the latter.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._started = False
        self._outstanding = False
        self.has_told_of_others = False

    async def wait_for_change(self) -> None:
        """Return once mail came or went. May be cancelled; `end` is called before anything else is sent.

        Raises `SourceError` where the server refuses IDLE, and what ends the session.
        """
        inactivity, self._conversation.wire.inactivity_timeout = (
            self._conversation.wire.inactivity_timeout,
            LONGEST_SILENCE,
        )
        try:
            while not await self._one_idle():
                if await self.end():
                    return
        finally:
            self._conversation.wire.inactivity_timeout = inactivity

    async def end(self) -> bool:
        """End IDLE if it goes on; return whether something changed until then."""
        changed = False
        while self._outstanding:
            if self._started:
                self._started = False
                await self._conversation.send_commands([DONE])
            changed = self._take(await self._conversation.read_events()) or changed
        return changed

    async def _one_idle(self) -> bool:
        """Return True when something changed, and False when IDLE is to be sent anew."""
        self._outstanding = True
        await self._conversation.send_commands([IDLE])
        before = self._conversation.received
        try:
            async with asyncio.timeout(RENEW_AFTER):
                while not self._take(await self._conversation.read_events()):
                    if self._conversation.received - before > MOST_OCTETS:
                        raise LimitExceeded(f"{self._conversation.server} sends without end during IDLE.")
        except TimeoutError:
            return False
        return True

    def _take(self, events: Iterable[Event]) -> bool:
        """Return whether one of the events tells of a change."""
        changed = False
        for event in events:
            match event:
                case IdleStarted():
                    self._started = True
                case Exists() | Gone():
                    changed = True
                case MailboxStatus():
                    changed = self.has_told_of_others = True
                case Notice() if event.code == NOTIFICATIONS_ENDED:
                    changed = True
                case Reply() if event.command is IDLE:
                    self._outstanding = self._started = False
                    if not event.ok:
                        raise refused_command(f"IDLE on {self._conversation.server}", event)
        return changed
