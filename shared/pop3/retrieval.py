"""Reading many mails, answers kept in step with what was asked.

A mail that ends before the size that LIST gave may have been cut by a server that does not stuff dots. Such a
mail is in doubt: it is held back with all that follows it, nothing more is asked for, and when all answers
are in, the server has to prove that it and we agree on where we are (`SyncCheck`). Sizes are often wrong: a
mail that is proven is good. One that is not is never handed out; it can be read alone, by its size. Nothing
at all in place of a mail that has octets is no mail, proven or not.

A line that is no answer, which some servers add behind a mail, puts the mail before it in doubt. If the
server proves that the answers are in step, the line was noise; from then on it is asked for one mail at a
time. If an answer is missing, the line came in place of one, and nothing that is held back is handed out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from shared.model.mailbox import (
    Listed,
    MailBytes,
    MailEnded,
    MailRefused,
    MailStarted,
    MailWhole,
    RetrieveEvent,
)
from shared.model.source_errors import (
    LimitExceeded,
    OutOfStep,
    SessionTooLong,
    SourceViolation,
)
from shared.pop3.commands import Verb
from shared.pop3.conversation import Conversation
from shared.pop3.events import (
    Body,
    BodyData,
    BodyEnded,
    BodyStarted,
    Event,
    Reply,
    Unanswered,
    Unreadable,
)
from shared.pop3.limits import PipelineWindow
from shared.pop3.placeholder import is_placeholder, nothing_came, notice_came
from shared.pop3.refused_mails import RefusedMails
from shared.pop3.request_queue import RequestQueue
from shared.pop3.server_quirks import ServerQuirks
from shared.pop3.sync_check import HandOut, cut_short


class Retrieval:
    """One run over `entries`; `window` is None where each command has to wait for the answer to the one
    before. Those whose name is in `cut` are read alone and by their size.
    """

    def __init__(
        self,
        conversation: Conversation,
        entries: Sequence[Listed],
        window: PipelineWindow | None,
        habits: ServerQuirks,
        cut: Collection[str] = (),
    ) -> None:
        self._conversation = conversation
        self._habits = habits
        self._asking = RequestQueue(entries, window or PipelineWindow(retrievals=1), habits, cut)
        self._out = HandOut()
        self._throws_away = False
        self._thrown_away: set[int] = set()
        self._refused = RefusedMails(self._asking, habits, conversation.server)

    async def run(self) -> AsyncIterator[list[RetrieveEvent]]:
        """The events of all mails, as batches of what arrived together; a batch is never empty."""
        while not self._asking.is_done or self._out.proof is not None:
            events: list[RetrieveEvent] = []
            broken = self._take_all(await self._received(), events)
            if self._conversation.violation is not None:
                self._out.doubt_the_last(events)
            if events:
                yield events
            if broken is not None:
                raise broken
        remaining: list[RetrieveEvent] = []
        self._tell(self._refused.left(), remaining)
        if remaining:
            yield remaining
        if (busy := self._refused.busy) is not None:
            raise busy

    async def _received(self) -> list[Event]:
        try:
            await self._ask_more()
            return await self._conversation.events()
        except SourceViolation as error:
            raise self._out_of_step(error) from error
        except SessionTooLong:
            raise
        except LimitExceeded as error:
            raise LimitExceeded(str(error), entry=self._asking.current) from error

    def _out_of_step(self, error: SourceViolation) -> SourceViolation:
        """The violation, and the mail that it shows to be cut, if it is one's."""
        if self._out.proof is not None:
            return cut_short(self._out.proof.entry, f"no answer follows: {error}")
        current = self._asking.current
        if current is not None and self._asking.is_by_size(current):
            return OutOfStep(str(error), entry=current)
        return error

    async def _ask_more(self) -> None:
        """Fill the window; while a mail is in doubt, ask for nothing but the proof."""
        proof = self._out.proof
        if proof is None:
            await self._conversation.post(self._asking.more())
        elif not proof.is_asked and (self._conversation.in_doubt or not self._conversation.outstanding):
            # After noise an answer may be missing for ever, so that the question cannot wait for it.
            proof.is_asked = True
            await self._conversation.post([proof.question])
        else:
            await self._conversation.post(())

    def _take_all(self, received: Sequence[Event], events: list[RetrieveEvent]) -> OutOfStep | None:
        """What ends the run, when the events before it are handed out."""
        try:
            for event in received:
                self._take(event, events)
        except OutOfStep as error:
            return error
        return None

    def _take(self, event: Event, events: list[RetrieveEvent]) -> None:
        match event:
            case Body(command=command, data=data):
                self._tell(self._refused.mail_came(command.verb), events)
                self._finish(event, MailWhole(self._asking.answered(), data), len(data), events)
            case BodyStarted(command=command):
                self._tell(self._refused.mail_came(command.verb), events)
                self._begin(events)
            case BodyData(data=data):
                if not self._throws_away:
                    events.append(MailBytes(self._current, data))
            case BodyEnded():
                self._end(event, events)
            case Unreadable():
                self._doubt(events)
            case Unanswered(command=command):
                proof = self._out.proof
                assert proof is not None, "only its question is recognised behind another answer"
                raise cut_short(proof.entry, f"the server did not answer {command.shown} readably")
            case Reply(command=command) if command.verb in (Verb.RETR, Verb.TOP):
                self._tell(self._refused.take(event, thrown_away=self._thrown_away), events)
            case Reply() if self._out.proof is not None:
                self._out.answered(self._out.proof, event, events)

    def _doubt(self, events: list[RetrieveEvent]) -> None:
        self._asking.one_by_one()
        if not self._out.doubt_the_last(events):
            current = self._asking.current or self._asking.last
            assert current is not None, "something was asked for"
            self._out.doubt_what_follows(current)

    @property
    def _current(self) -> Listed:
        current = self._asking.current
        assert current is not None, "a mail's bytes come as an answer"
        return current

    def _begin(self, events: list[RetrieveEvent]) -> None:
        """A large mail behind one in doubt is not held but asked for again."""
        if self._out.proof is None:
            events.append(MailStarted(self._current))
        else:
            self._throws_away = True

    def _end(self, event: BodyEnded, events: list[RetrieveEvent]) -> None:
        entry = self._asking.answered()
        if self._throws_away:
            self._throws_away = False
            self._thrown_away.add(entry.number)
            self._asking.again(entry)
        else:
            self._finish(event, MailEnded(entry, event.octets), event.octets, events)

    def _finish(
        self, event: Body | BodyEnded, mail: MailWhole | MailEnded, octets: int, events: list[RetrieveEvent]
    ) -> None:
        """Hand a mail out, or hold it back, or ask for it again."""
        entry, verb = mail.entry, event.command.verb
        self._habits.learn(event, octets, entry.size)
        if isinstance(mail, MailWhole) and is_placeholder(mail.data, has_listed_size=octets == entry.size):
            self._out.release(notice_came(entry, self._conversation.server), events)
        elif event.unstuffed and self._habits.stuffs_dots is False:
            lost = cut_short(entry, "the server does not double dots, so that some of its own were lost")
            if self._out.proof is None and octets + event.unstuffed < entry.size:
                self._out.doubt(MailRefused(entry, lost, body_came=True))
            else:
                self._out.release(MailRefused(entry, lost, body_came=True), events)
        elif octets < entry.size and verb is Verb.TOP:
            # Some servers bound the lines of TOP; and in doubt the proof is asked for when RETR was, too.
            self._habits.top_falls_short(entry.number)
            self._asking.again(entry, by_retr=True)
        else:
            self._accept(mail, octets, events)

    def _accept(self, mail: MailWhole | MailEnded, octets: int, events: list[RetrieveEvent]) -> None:
        """Take what came for the mail; in doubt where its listed size does not show that it is whole."""
        entry = mail.entry
        is_short = octets < entry.size
        outcome = nothing_came(entry, self._conversation.server) if is_short and not octets else mail
        is_doubtful = is_short or self._asking.is_by_size(entry) or (octets and not entry.size)
        if is_doubtful and self._out.proof is None:
            self._out.doubt(outcome)
        else:
            self._out.release(outcome, events)

    def _tell(self, refusals: Sequence[MailRefused], events: list[RetrieveEvent]) -> None:
        for refusal in refusals:
            self._out.release(refusal, events)
