"""One session that stays open between two visits, and the mailbox that a visit sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from typing_extensions import override

from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.mailbox_proxy import MailboxProxy
from shared.model.account import Account
from shared.model.backoff import Backoff
from shared.model.mailbox import UNMETERED, Listed, MailEnded, MailWhole, Meter, RetrieveEvent

FREE_CHANGES = 2
"""So many changes in a row without mail are looked at without a pause. A visit that deletes makes one."""
FIRST_PAUSE = 1.0


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

    @override
    def listing_released(self) -> None:
        self.visit.listing_released()


@dataclass(slots=True, eq=False)
class OpenMailbox:
    """An open session of `account`.

    `waiting` is the task that waits for a change; None: nobody does. `kept_at`: since when it has stayed
    open (monotonic seconds). `has_told`: the server told of a change since then. `is_untold`: what this visit
    reads was not told of. `fruitless` counts visits in a row that a change led to, and that read nothing.
    """

    account: Account
    mailbox: Mailbox
    meter: PassingMeter
    waiting: asyncio.Task[None] | None = None
    kept_at: float = 0.0
    has_told: bool = False
    is_untold: bool = False
    fruitless: int = 0

    def pause(self) -> float:
        """Return the seconds until a change is to be looked at. They grow where a server tells of changes
        without end, up to the usual time between two visits.
        """
        if self.fruitless < FREE_CHANGES:
            return 0.0
        poll = self.account.retry_times.poll.shortest
        return Backoff(min(FIRST_PAUSE, poll), poll).pause(self.fruitless - FREE_CHANGES)


class SessionKeeper(Protocol):
    """What keeps sessions open between visits."""

    async def keep(self, session: OpenMailbox) -> bool:
        """Keep a session whose visit ended in order; return False where it has to end."""
        ...

    def note_mail(self, session: OpenMailbox) -> None:
        """Note that a visit read mail in the session."""
        ...

    def note_visit_end(self, session: OpenMailbox) -> None:
        """Note that the visit in the session has ended, in order or not."""
        ...


class LeftOpenMailbox(MailboxProxy):
    """The mailbox of a visit, whose session is handed to `keeper` when the visit ends in order."""

    def __init__(self, session: OpenMailbox, keeper: SessionKeeper) -> None:
        super().__init__(session.mailbox)
        self._session = session
        self._keeper = keeper
        self._is_left_open = False
        self._stays_open = False
        self._is_over = False

    @property
    @override
    def stays_open(self) -> bool:
        return self._stays_open

    @override
    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        async for events in self._mailbox.retrieve(entries, cut):
            if any(isinstance(each, (MailWhole, MailEnded)) for each in events):
                self._keeper.note_mail(self._session)
            yield events

    @override
    async def finish(self) -> None:
        if await self._keeper.keep(self._session):
            self._is_left_open = True
            self._stays_open = self._session.waiting is not None and self._mailbox.waits_for_all
            self._note_end()
        else:
            await super().finish()

    @override
    async def abort(self) -> None:
        self._note_end()
        if not self._is_left_open:
            await super().abort()

    def _note_end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._keeper.note_visit_end(self._session)
