"""Read one mail in parts (`BODY.PEEK[]<origin.octets>`; RFC 9051, section 6.4.5).

A huge mail need not begin again where the connection breaks: a new session goes on at the octet that is
missing, if it shows the same mail. Whether a server obeys is seen at the first part, before anything is
handed out. Some send the whole mail each time, or the whole mail under the name of a part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from shared.imap.commands import Command
from shared.imap.conversation import Conversation
from shared.imap.errors import BodyCut
from shared.imap.events import BodyData, BodyStarted, Event, Fetched, Reply
from shared.imap.limits import KIB
from shared.imap.mail_commands import SIZE, fetch_items, fetch_range
from shared.imap.presence import look_for
from shared.imap.refusals import refused_mail
from shared.imap.uid_set import UidSet
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed, MailBytes, MailEnded, MailRefused, MailStarted, RetrieveEvent
from shared.model.source_errors import LimitExceeded, OutOfStep, SessionTooLong
from shared.net.errors import ConnectionLost, InactivityTimeout
from shared.net.reading.placeholder import is_placeholder, notice_came

AT_ONCE = 2  # parts on their way: while one is handed out, the server reads the next
MOST_REOPENINGS = 5
"""New sessions for one mail. A provider counts logins, and a line that breaks more often will break again."""
COMPARED = 16 * KIB
"""Octets from the beginning by which a mail is recognised in a new session: the header, of nearly all."""


class PartRetrieval:
    """Reads the mail `entry` of the selected folder, whose UID is `uid`, in parts of `part` octets.

    `most`: octets that a mail may have. `reopen` opens a new session in which the folder is selected, with
    the same UIDVALIDITY; it raises a `MailferryError` where that fails. `is_read` says afterwards whether the
    mail came or was refused; otherwise nothing of it was handed out, and it is to be read whole. `obeys` says
    whether the server hands out parts; None where that did not show.
    """

    def __init__(
        self,
        conversation: Conversation,
        entry: Listed,
        uid: int,
        part: int,
        most: int,
        reopen: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._conversation = conversation
        self._entry = entry
        self._uid = uid
        self._part = part
        self._most = most
        self._reopen = reopen
        self._open: list[Command] = []
        self._next = 0
        self._octets = 0
        self._beginning = b""
        self._is_done = self._is_short = self._was_short = self._may_be_gone = False
        self.is_read = False
        self.obeys: bool | None = None

    async def run(self) -> AsyncIterator[list[RetrieveEvent]]:
        """Yield the events of the mail."""
        reopened_at = 0
        for reopenings in range(MOST_REOPENINGS + 1):
            try:
                async for events in self._parts():
                    yield events
            except (ConnectionLost, InactivityTimeout) as loss:
                # Without a whole part since the last time, a new session would hardly get further.
                if not self.obeys or self._octets - reopened_at < self._part or reopenings == MOST_REOPENINGS:
                    raise
                reopened_at = self._octets
                await self._go_on_after(loss)
            else:
                return

    async def _parts(self) -> AsyncIterator[list[RetrieveEvent]]:
        self._open, self._next, self._is_short = [], self._octets, False
        while not self._is_done:
            events: list[RetrieveEvent] = []
            for event in await self._received():
                self._take(event, events)
            if self._may_be_gone:
                self._may_be_gone = False
                await self._end_if_there(events)
            if events:
                yield events
            if self._is_short:
                await self._conversation.discard_answers()
                self._open, self._next, self._is_short = [], self._octets, False
        await self._conversation.discard_answers()

    async def _received(self) -> list[Event]:
        try:
            await self._conversation.send_commands(self._commands())
            return await self._conversation.read_events()
        except BodyCut as error:
            raise OutOfStep(str(error), entry=self._entry) from error
        except SessionTooLong:
            raise
        except LimitExceeded as error:
            raise LimitExceeded(str(error), entry=self._entry) from error

    def _commands(self) -> list[Command]:
        """Return the commands for the next parts; one behind the listed size only once all others came."""
        commands: list[Command] = []
        most = AT_ONCE if self.obeys else 1
        while len(self._open) < most and (self._next < self._entry.size or not self._open):
            commands.append(fetch_range(self._uid, self._next, self._part))
            self._open.append(commands[-1])
            self._next += self._part
        return commands

    def _take(self, event: Event, events: list[RetrieveEvent]) -> None:
        if self._is_done or self._is_short:
            return  # It is of a part that is not needed.
        match event:
            case BodyStarted(origin=origin, octets=octets):
                self._begin_part(origin, octets, events)
            case BodyData(data=data):
                self._hand_out(data, events)
            case Fetched(command=command) if command in self._open:
                self._open.remove(command)
                self._end_part(event, events)
            case Reply(command=command) if command in self._open:
                self._open.remove(command)
                if event.ok or not self._octets:
                    self._take_nothing(events)
                else:
                    error = refused_mail(self._entry, self._conversation.server, event)
                    self._refuse(MailRefused(self._entry, error, body_came=True), events)

    def _begin_part(self, origin: int | None, octets: int, events: list[RetrieveEvent]) -> None:
        """See what comes before an octet of it is handed out."""
        if self._octets + octets > self._most:
            raise LimitExceeded(
                f"{self._conversation.server} sent a mail of more than {self._most} octets, the limit.",
                entry=self._entry,
            )
        if self.obeys is None:
            self.obeys = origin == 0 and octets <= self._part
            is_whole = octets == self._entry.size or (origin is None and octets > self._part)
            if self.obeys or is_whole:
                events.append(MailStarted(self._entry))
            else:
                self._is_done = True
        elif origin != self._octets or octets > self._part:
            raise OutOfStep(
                f"{self._conversation.server} sent another part of a mail than it was asked for.",
                entry=self._entry,
            )

    def _hand_out(self, data: bytes, events: list[RetrieveEvent]) -> None:
        if (missing := min(COMPARED, self._part) - len(self._beginning)) > 0:
            self._beginning += data[:missing]
        self._octets += len(data)
        events.append(MailBytes(self._entry, data))

    def _end_part(self, part: Fetched, events: list[RetrieveEvent]) -> None:
        octets = part.octets or 0
        if part.body:
            if not self._octets and is_placeholder(part.body, has_listed_size=octets == self._entry.size):
                self._refuse(notice_came(self._entry, self._conversation.server), events)
                return
            self._begin_part(part.origin, octets, events)
            if self._is_done:
                return
            self._hand_out(part.body, events)
        if not octets:
            self._take_nothing(events)
        elif not self.obeys or (octets < self._part and self._octets == self._entry.size):
            self._end(events)
        else:
            # A short part is the end, or else the server sends less at a time than it was asked for.
            self._is_short = self._was_short = octets < self._part

    def _take_nothing(self, events: list[RetrieveEvent]) -> None:
        """Take the answer without an octet: the end, or a mail that cannot be had."""
        if not self._octets:
            self._is_done = True
        elif self._octets == self._entry.size:
            self._end(events)
        else:
            self._may_be_gone = True

    async def _end_if_there(self, events: list[RetrieveEvent]) -> None:
        """End a mail that has not the listed size. Nothing behind a whole part is suspicious, too."""
        await self._conversation.discard_answers()
        presence = await look_for(self._conversation, [self._uid])
        if self._uid in presence.there and self._was_short:
            self._end(events)
        else:
            sentence = (
                f"{self._conversation.server} handed out {self._octets} octets of mail {self._entry.number} "
                f"of {self._entry.size}, and then nothing."
            )
            error = OutOfStep(sentence, entry=self._entry)
            self._refuse(MailRefused(self._entry, error, body_came=True), events)

    def _end(self, events: list[RetrieveEvent]) -> None:
        events.append(MailEnded(self._entry, self._octets))
        self._is_done = self.is_read = True

    def _refuse(self, refusal: MailRefused, events: list[RetrieveEvent]) -> None:
        events.append(refusal)
        self._is_done = self.is_read = True

    async def _go_on_after(self, loss: ConnectionLost | InactivityTimeout) -> None:
        """Open a new session for what is missing. Raises the loss where the mail is not the same there."""
        if self._reopen is None:
            raise loss
        try:
            await self._reopen()
        except MailferryError as error:
            sentence = f"{loss} A new session for the rest of a mail could not be opened: {error}"
            raise ConnectionLost(sentence, fault=loss.fault) from error
        if not await self._is_the_same():
            raise loss

    async def _is_the_same(self) -> bool:
        """Return whether the mail with this UID has the size and the beginning of the one that came."""
        commands = [
            fetch_items(UidSet.of([self._uid]), {SIZE}),
            fetch_range(self._uid, 0, len(self._beginning)),
        ]
        events = await self._conversation.execute_all(commands)
        fetched = [event for event in events if isinstance(event, Fetched)]
        pieces = [event.data for event in events if isinstance(event, BodyData)]
        beginning = b"".join([*pieces, *(each.body for each in fetched if each.body)])
        sizes = [each.size for each in fetched if each.size is not None]
        return sizes == [self._entry.size] and beginning == self._beginning
