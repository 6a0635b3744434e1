"""Read many mails, each matched by its UID.

A mail comes as a literal, whose length frames it; its listed size is for planning only. What a set of mails
did not bring is asked for one by one, so that a refusal is about that mail. A mail of another size than the
listed one ends for good only with the next answer: where its announced length was too small, and a `)` of its
text stands behind it, what follows is no answer. Of a mail that does not come
although nothing is wrong, it is looked whether it is still there: another client may have deleted it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from shared.imap.conversation import Conversation
from shared.imap.errors import BodyCut, BodyTooLarge
from shared.imap.events import BodyData, BodyStarted, Event, Fetched, Reply
from shared.imap.fetch_queue import FetchQueue
from shared.imap.limits import FetchWindow
from shared.imap.presence import look_for
from shared.imap.refusals import refused_mail, says_gone
from shared.model.mailbox import (
    Listed,
    MailBytes,
    MailEnded,
    MailRefused,
    MailStarted,
    MailWhole,
    RetrieveEvent,
)
from shared.model.source_errors import LimitExceeded, OutOfStep, SessionTooLong, SourceViolation
from shared.net.reading.placeholder import is_placeholder, nothing_came, notice_came
from shared.net.reading.refused_mails import RefusedMails


class Retrieval:
    """One run over `entries` of the selected folder; `uids` are their UIDs by number.

    Mails whose name is in `cut` are read while no other mail is on its way. `serves`: a mail came in this
    session.
    """

    def __init__(
        self,
        conversation: Conversation,
        entries: Sequence[Listed],
        uids: Mapping[int, int],
        window: FetchWindow,
        cut: Collection[str] = (),
        *,
        serves: bool = False,
    ) -> None:
        self._conversation = conversation
        self._uids = uids
        self._requests = FetchQueue(entries, uids, window, cut)
        self._refused = RefusedMails(self._requests, serves=serves)
        self._current: Listed | None = None
        self._discarded: set[int] = set()
        self._absent: list[Listed] = []
        self._unproven: MailWhole | MailEnded | None = None

    @property
    def serves(self) -> bool:
        """Whether the server has handed out a mail."""
        return self._refused.serves

    async def run(self) -> AsyncIterator[list[RetrieveEvent]]:
        """Yield the events of all mails, as many at once as arrived together; never none."""
        while not self._requests.is_done:
            events: list[RetrieveEvent] = []
            for event in await self._received():
                self._take(event, events)
            if events:
                yield events
        remaining: list[RetrieveEvent] = [*await self._still_there(), *self._refused.still_unexplained()]
        if remaining:
            yield remaining
        if (busy := self._refused.busy) is not None:
            raise busy

    async def _received(self) -> list[Event]:
        try:
            await self._conversation.send_commands(self._requests.next_commands())
            return await self._conversation.read_events()
        except BodyCut as error:
            entry = self._requests.find(error.uid)
            if entry is None:
                raise
            raise OutOfStep(str(error), entry=entry) from error
        except BodyTooLarge as error:
            entry = self._requests.find(error.uid) or self._requests.first()
            raise LimitExceeded(str(error), entry=entry) from error
        except SessionTooLong:
            raise
        except (SourceViolation, LimitExceeded) as error:
            if self._unproven is not None:
                # What came behind it is no answer, so it was more of the mail.
                raise OutOfStep(str(error), entry=self._unproven.entry) from error
            if isinstance(error, SourceViolation):
                raise
            raise LimitExceeded(str(error), entry=self._requests.first()) from error

    def _take(self, event: Event, events: list[RetrieveEvent]) -> None:
        if self._unproven is not None and isinstance(event, (Fetched, BodyStarted, Reply)):
            events.append(self._unproven)
            self._unproven = None
        match event:
            case Fetched(body=bytes() as body) if body:
                entry = self._requests.take(event.command, event.uid)
                if entry is not None:
                    self._take_whole(entry, body, events)
            case BodyData(data=data):
                if self._current is not None:
                    events.append(MailBytes(self._current, data))
            case BodyStarted(uid=uid):
                self._current = self._requests.find(uid)
                if self._current is not None:
                    events += self._refused.take_mail()
                    events.append(MailStarted(self._current))
            case Fetched(command, uid):
                entry = self._requests.take(command, uid)
                if entry is not None:
                    self._end(entry, event, events)
            case Reply():
                self._take_reply(event, events)

    def _take_whole(self, entry: Listed, body: bytes, events: list[RetrieveEvent]) -> None:
        events += self._refused.take_mail()
        has_listed_size = len(body) == entry.size
        if is_placeholder(body, has_listed_size=has_listed_size):
            events.append(notice_came(entry, self._conversation.server))
        elif has_listed_size:
            events.append(MailWhole(entry, body))
        else:
            self._unproven = MailWhole(entry, body)

    def _end(self, entry: Listed, event: Fetched, events: list[RetrieveEvent]) -> None:
        """Take the end of a mail that came in pieces, or of one that did not come."""
        octets, current, self._current = event.octets, self._current, None
        if current is not None and current is not entry:
            raise SourceViolation(f"{self._conversation.server} named a mail in two ways.")
        if octets and current is None:
            # It was larger than listed, and its UID came behind it.
            self._discarded.add(entry.number)
            self._requests.ask_exclusively(entry)
        elif octets == entry.size and octets:
            events.append(MailEnded(entry, octets))
        elif octets:
            self._unproven = MailEnded(entry, octets)
        elif octets == 0 and not entry.size:
            events += self._refused.take_mail()
            events.append(MailWhole(entry, b""))
        else:
            self._absent.append(entry)

    def _take_reply(self, reply: Reply, events: list[RetrieveEvent]) -> None:
        requested = self._requests.finish(reply.command)
        if requested is None or not requested.awaited:
            return
        missing = list(requested.awaited.values())
        if requested.asked > 1:
            self._requests.ask_singly(missing)
        elif reply.ok or says_gone(reply):
            self._absent += missing
        else:
            (entry,) = missing
            error = refused_mail(entry, self._conversation.server, reply)
            refusal = MailRefused(entry, error, body_came=entry.number in self._discarded)
            if not self._refused.is_kept(refusal):
                events.append(refusal)

    async def _still_there(self) -> list[MailRefused]:
        """Return the refusals of the mails that the server has and did not send; others are gone."""
        if not self._absent:
            return []
        presence = await look_for(self._conversation, [self._uids[each.number] for each in self._absent])
        left = presence.not_proven_gone
        server = self._conversation.server
        return [nothing_came(each, server) for each in self._absent if self._uids[each.number] in left]
