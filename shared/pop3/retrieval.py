"""Read many mails, with answers kept in step with commands.

A mail that ends before the size that LIST gave may have been cut by a server that does not stuff dots. Such a
mail is in doubt. It is held back with all that follow it, and nothing more is requested. When all answers are
in, the server has to show that answers and commands are in step (`SyncCheck`). If it does, the listed size
was wrong, as is often so, and the mail is good. If not, the mail is not handed out; it can be read alone, by
its size. No octet at all in place of a mail that has some is no mail in any case.

A line that is no answer, which some servers add behind a mail, puts the mail before it in doubt. If the check
succeeds, the line was noise; from then on mails are requested one at a time. If an answer is missing, the
line came in place of one, and nothing that is held back is handed out.
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
from shared.net.reading.placeholder import is_placeholder, nothing_came, notice_came
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
from shared.pop3.refused_mails import RefusedMails
from shared.pop3.request_queue import RequestQueue
from shared.pop3.server_quirks import ServerQuirks
from shared.pop3.sync_check import Output, cut_short


class Retrieval:
    """One run over `entries`.

    `window` is None where each command has to wait for the answer to the one before. Mails whose name is in
    `cut` are read alone and by their size.
    """

    def __init__(
        self,
        conversation: Conversation,
        entries: Sequence[Listed],
        window: PipelineWindow | None,
        quirks: ServerQuirks,
        cut: Collection[str] = (),
    ) -> None:
        self._conversation = conversation
        self._quirks = quirks
        self._requests = RequestQueue(entries, window or PipelineWindow(retrievals=1), quirks, cut)
        self._output = Output()
        self._discards = False
        self._discarded: set[int] = set()
        self._refused = RefusedMails(self._requests, quirks, conversation.server)

    async def run(self) -> AsyncIterator[list[RetrieveEvent]]:
        """Yield the events of all mails, as many at once as arrived together; never none."""
        while not self._requests.is_done or self._output.check is not None:
            events: list[RetrieveEvent] = []
            broken = self._take_all(await self._received(), events)
            if self._conversation.violation is not None:
                self._output.hold_back_last(events)
            if events:
                yield events
            if broken is not None:
                raise broken
        remaining: list[RetrieveEvent] = []
        self._hand_out_refusals(self._refused.unexplained(), remaining)
        if remaining:
            yield remaining
        if (busy := self._refused.busy) is not None:
            raise busy

    async def _received(self) -> list[Event]:
        try:
            await self._ask_more()
            return await self._conversation.read_events()
        except SourceViolation as error:
            raise self._out_of_step(error) from error
        except SessionTooLong:
            raise
        except LimitExceeded as error:
            raise LimitExceeded(str(error), entry=self._requests.current) from error

    def _out_of_step(self, error: SourceViolation) -> SourceViolation:
        """Return the violation, with the mail that it shows to be cut where there is one."""
        if self._output.check is not None:
            return cut_short(self._output.check.entry, f"no answer follows: {error}")
        current = self._requests.current
        if current is not None and self._requests.is_by_size(current):
            return OutOfStep(str(error), entry=current)
        return error

    async def _ask_more(self) -> None:
        """Fill the window; while a mail is in doubt, ask for nothing but the check."""
        check = self._output.check
        if check is None:
            await self._conversation.send_commands(self._requests.next_commands())
        elif not check.is_asked and (self._conversation.in_doubt or not self._conversation.outstanding):
            # After noise an answer may be missing for ever, so that the question cannot wait for it.
            check.is_asked = True
            await self._conversation.send_commands([check.question])
        else:
            await self._conversation.send_commands(())

    def _take_all(self, received: Sequence[Event], events: list[RetrieveEvent]) -> OutOfStep | None:
        """Take events, and return the error that ends the run once the mails before it are handed out."""
        try:
            for event in received:
                self._take(event, events)
        except OutOfStep as error:
            return error
        return None

    def _take(self, event: Event, events: list[RetrieveEvent]) -> None:
        match event:
            case Body(command=command, data=data):
                self._hand_out_refusals(self._refused.note_mail(command.verb), events)
                self._finish(event, MailWhole(self._requests.take_answered(), data), len(data), events)
            case BodyStarted(command=command):
                self._hand_out_refusals(self._refused.note_mail(command.verb), events)
                self._begin(events)
            case BodyData(data=data):
                if not self._discards:
                    events.append(MailBytes(self._current, data))
            case BodyEnded():
                self._end(event, events)
            case Unreadable():
                self._take_noise(events)
            case Unanswered(command=command):
                check = self._output.check
                assert check is not None, "only its question is recognised behind another answer"
                raise cut_short(check.entry, f"the server did not answer {command.shown} readably")
            case Reply(command=command) if command.verb in (Verb.RETR, Verb.TOP):
                self._hand_out_refusals(self._refused.take_refusal(event, discarded=self._discarded), events)
            case Reply() if self._output.check is not None:
                self._output.take_reply(self._output.check, event, events)

    def _take_noise(self, events: list[RetrieveEvent]) -> None:
        self._requests.stop_pipelining()
        if not self._output.hold_back_last(events):
            current = self._requests.current or self._requests.last
            assert current is not None, "something was asked for"
            self._output.hold_back_from(current)

    @property
    def _current(self) -> Listed:
        current = self._requests.current
        assert current is not None, "a mail's bytes come as an answer"
        return current

    def _begin(self, events: list[RetrieveEvent]) -> None:
        """Begin a large mail; behind one in doubt it is discarded and requested again."""
        if self._output.check is None:
            events.append(MailStarted(self._current))
        else:
            self._discards = True

    def _end(self, event: BodyEnded, events: list[RetrieveEvent]) -> None:
        entry = self._requests.take_answered()
        if self._discards:
            self._discards = False
            self._discarded.add(entry.number)
            self._requests.ask_again(entry)
        else:
            self._finish(event, MailEnded(entry, event.octets), event.octets, events)

    def _finish(
        self, event: Body | BodyEnded, mail: MailWhole | MailEnded, octets: int, events: list[RetrieveEvent]
    ) -> None:
        """Hand a mail out, or hold it back, or request it again."""
        entry, verb = mail.entry, event.command.verb
        self._quirks.learn_from_mail(event, octets, entry.size)
        if isinstance(mail, MailWhole) and is_placeholder(mail.data, has_listed_size=octets == entry.size):
            self._output.hand_out(notice_came(entry, self._conversation.server), events)
        elif event.unstuffed and self._quirks.stuffs_dots is False:
            lost = cut_short(entry, "the server does not double dots, so that some of its own were lost")
            if self._output.check is None and octets + event.unstuffed < entry.size:
                self._output.hold_back(MailRefused(entry, lost, body_came=True))
            else:
                self._output.hand_out(MailRefused(entry, lost, body_came=True), events)
        elif octets < entry.size and verb is Verb.TOP:
            # Some servers bound the lines of TOP; and in doubt the check is asked for when RETR was, too.
            self._quirks.note_short_top(entry.number)
            self._requests.ask_again(entry, by_retr=True)
        else:
            self._accept(mail, octets, events)

    def _accept(self, mail: MailWhole | MailEnded, octets: int, events: list[RetrieveEvent]) -> None:
        """Take what came for the mail, in doubt unless its listed size shows that it is whole."""
        entry = mail.entry
        is_short = octets < entry.size
        outcome = nothing_came(entry, self._conversation.server) if is_short and not octets else mail
        is_doubtful = is_short or self._requests.is_by_size(entry) or (octets and not entry.size)
        if is_doubtful and self._output.check is None:
            self._output.hold_back(outcome)
        else:
            self._output.hand_out(outcome, events)

    def _hand_out_refusals(self, refusals: Sequence[MailRefused], events: list[RetrieveEvent]) -> None:
        for refusal in refusals:
            self._output.hand_out(refusal, events)
