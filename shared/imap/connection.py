"""An IMAP session without input or output: commands in, octets to send out; received octets in, events out.

Promises: whatever the pieces in which the server's octets arrive, the same events come out, except where a
large body is cut; nothing a server sends raises anything, it becomes `Broken` after all the events that were
good; memory is bounded by `Limits`. A command where the protocol does not allow it is a defect of ours and
raises `Misused`.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.imap.answer_reader import Answer, AnswerReader, BodyPiece, Item, MailGone, MailSize, WholeMail
from shared.imap.arguments import wire_pieces
from shared.imap.capabilities import Capabilities
from shared.imap.commands import Command, Verb
from shared.imap.continuation import continue_command, next_piece, take_continuation
from shared.imap.ending import check_end
from shared.imap.events import (
    Broken,
    Bye,
    CompressionStarted,
    Event,
    Gone,
    Reply,
)
from shared.imap.greeting import greeting_event, read_greeting
from shared.imap.limits import Limits
from shared.imap.mail_assembly import MailAssembly
from shared.imap.mail_commands import SIZE
from shared.imap.outstanding import Outstanding, Sent
from shared.imap.scanner import Streamed
from shared.imap.send_rules import check_command
from shared.imap.session_state import SessionState
from shared.imap.states import CONTINUES, LOGS_IN, State, after_reply
from shared.imap.status_lines import Condition, StatusLine, parse_status_line
from shared.imap.untagged import UntaggedAnswers
from shared.model.errors import MailferryError, quoted
from shared.model.source_errors import LimitExceeded, SourceViolation
from shared.net.errors import Misused


class ImapConnection:
    """The state of one session.

    `server` names it in the sentences of errors. Tags are `tag_prefix`, random letters and digits, with a
    number behind. `tls_required`: TLS must be started by STARTTLS before anybody logs in. `redact` takes
    secrets out of what the server says, in case it echoes them, before they get into an event or a sentence.
    """

    def __init__(
        self,
        server: str,
        limits: Limits,
        *,
        tag_prefix: str,
        tls_required: bool = False,
        redact: Callable[[bytes], bytes] = bytes,
    ) -> None:
        if not tag_prefix.isascii() or not tag_prefix.isalnum():
            raise Misused("The prefix of tags must be made of letters and digits.")
        self._server = server
        self._limits = limits
        self._tag_prefix = tag_prefix.encode("ascii")
        self._commands_sent = 0
        self._outstanding = Outstanding()
        self._session = SessionState(server, redact, tls_required=tls_required)
        self._reader = AnswerReader(server, limits)
        self._mails = MailAssembly(server, limits, self._outstanding)
        self._untagged = UntaggedAnswers(self._outstanding, self._session, self._mails)
        self._listed = 0

    @property
    def state(self) -> State:
        """Where the session is, by what the server has answered so far."""
        return self._session.state

    @property
    def capabilities(self) -> Capabilities | None:
        """What the server says it can do, for the connection as it is now; None where it has not said."""
        return self._session.capabilities

    @property
    def enabled(self) -> frozenset[str]:
        """The extensions that ENABLE switched on, in upper case."""
        return self._session.enabled

    @property
    def outstanding(self) -> int:
        """Commands without a tagged answer."""
        return len(self._outstanding)

    def send(self, command: Command) -> bytes:
        """Return the octets to send for `command`; where it has more of them, `MoreWanted` follows.

        Raises `Misused` where it is not allowed now.
        """
        check_command(
            command, self._session.state, self._outstanding, tls_required=self._session.tls_required
        )
        if command.verb in CONTINUES:
            sent = self._outstanding.last
            assert sent is not None
            return continue_command(command, sent, self._session)
        self._commands_sent += 1
        tag = b"%s%d" % (self._tag_prefix, self._commands_sent)
        self._reader.expects_listing = self._reader.expects_listing or SIZE in command.items
        first, *later = wire_pieces(tag, command.parts, self._session.capabilities)
        self._outstanding.add_command(tag, Sent(command, later))
        return first

    def send_more(self) -> bytes:
        """Return the next octets of the command that was sent last, after `MoreWanted`."""
        return next_piece(self._outstanding.last)

    def receive(self, data: bytes) -> list[Event]:
        """Return the events of `data`; b"" says that the server closed its side."""
        if self._session.state is State.BROKEN:
            raise Misused("Octets were handed in after the session broke.")
        events: list[Event] = []
        try:
            if data:
                self._reader.add(data)
                while (item := self._reader.next()) is not None:
                    self._handle(item, events)
            else:
                unread = self._reader.take_rest() if self._reader.is_within_answer else None
                check_end(self._session, self._outstanding, unread)
        except MailferryError as error:
            self._session.state = State.BROKEN
            self._reader.take_rest()
            events.append(Broken(error))
        return events

    def _handle(self, item: Item, events: list[Event]) -> None:
        if isinstance(item, WholeMail):
            self._mails.take_whole(item, events)
        elif isinstance(item, MailSize):
            self._count_octets(item.octets)
            self._mails.take_size(item, events)
        elif isinstance(item, MailGone):
            self._count_octets(item.octets)
            self._untagged.take_change(Gone(), events)
        elif isinstance(item, Answer):
            self._answered(item, events)
        elif isinstance(item, BodyPiece):
            self._mails.add_piece(item, events)
        else:
            self._mails.begin_body(item, events)

    def _answered(self, answer: Answer, events: list[Event]) -> None:
        self._count(answer)
        line = answer.parts[0]
        assert isinstance(line, bytes)
        if self._session.state is State.GREETING:
            self._greeted(line, events)
        elif line.startswith(b"+"):
            events.append(take_continuation(line, self._outstanding.last, self._session))
        elif not line.startswith(b"* "):
            self._tagged(line, events)
        elif (status := parse_status_line(line)) is not None:
            self._said(status, events)
        else:
            self._read_data(answer, line, events)

    def _count(self, answer: Answer) -> None:
        if Streamed.BODY in answer.parts:
            return
        self._count_octets(sum(len(part) for part in answer.parts if isinstance(part, bytes)))

    def _count_octets(self, octets: int) -> None:
        self._limits.meter.listed(octets, 1)
        self._listed += octets
        if self._listed > self._limits.listing:
            raise LimitExceeded(
                f"{self._server} sent more than {self._limits.listing} octets without an answer to a command."
            )

    def _read_data(self, answer: Answer, line: bytes, events: list[Event]) -> None:
        try:
            self._untagged.take_data(answer, events)
        except ValueError as error:
            said = self._session.quoted(line)
            raise SourceViolation(
                f"{self._server} sent an answer that cannot be read, as {error}: {said}."
            ) from error

    def _greeted(self, line: bytes, events: list[Event]) -> None:
        status = read_greeting(line, self._session)
        self._learn(status)
        events.append(greeting_event(status, self._session))

    def _said(self, status: StatusLine, events: list[Event]) -> None:
        """An untagged line with a status came."""
        if status.condition is Condition.PREAUTH:
            raise self._session.tampered("greeted a second time")
        self._learn(status)
        if status.condition is Condition.BYE:
            self._session.farewell = status.text
            shown = self._session.redacted(status)
            events.append(Bye(shown.code, shown.argument, shown.text))
        else:
            self._untagged.take_notice(status, events)

    def _tagged(self, line: bytes, events: list[Event]) -> None:
        status = parse_status_line(line)
        sent = None if status is None else self._outstanding.find_tag(status.tag)
        if status is None or sent is None or status.condition in {Condition.PREAUTH, Condition.BYE}:
            raise SourceViolation(
                f"{self._server} answered what was not asked: {self._session.quoted(line)}."
            )
        is_ok = status.condition is Condition.OK
        if is_ok and not sent.is_complete:
            raise self._session.tampered(f"agreed to {quoted(sent.command.shown)} before all of it was sent")
        self._learn(status)
        self._outstanding.remove_tag(status.tag)
        self._listed = 0
        self._finish(sent, is_ok)
        if is_ok and sent.command.verb is Verb.STARTTLS:
            self._start_tls()
        if sent.selection is not None and is_ok:
            sent.selection.learn_code(status.code, status.argument)
            events.append(sent.selection.selected())
        shown = self._session.redacted(status)
        events.append(Reply(sent.command, shown.condition, shown.code, shown.argument, shown.text))
        if is_ok and sent.command.verb is Verb.COMPRESS:
            events.append(CompressionStarted(self._reader.take_rest()))

    def _finish(self, sent: Sent, is_ok: bool) -> None:
        """Note what the answer changes for the commands that follow."""
        verb = sent.command.verb
        if self._session.state is State.IDLING:
            self._session.state = self._session.before_idling
        self._session.state = after_reply(self._session.state, verb, is_ok)
        if is_ok and verb in LOGS_IN and not sent.told_capabilities:
            self._session.capabilities = None

    def _start_tls(self) -> None:
        self._session.start_tls()
        if self._reader.is_within_answer:
            raise self._session.tampered("sent octets in clear behind its consent to start TLS")

    def _learn(self, status: StatusLine) -> None:
        """Learn the capabilities of a response code."""
        if status.code != "CAPABILITY":
            return
        try:
            self._untagged.learn_capabilities(status.argument)
        except ValueError as error:
            raise LimitExceeded(f"{self._server} did not announce what it can do, as {error}.") from error
