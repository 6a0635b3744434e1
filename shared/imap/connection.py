"""An IMAP session without input or output: commands in, octets to send out; received octets in, events out.

Promises: whatever the pieces in which the server's octets arrive, the same events come out, except where a
large body is cut; nothing a server sends raises anything, it becomes `Broken` after all the events that were
good; memory is bounded by `Limits`. A command where the protocol does not allow it is a defect of ours and
raises `Misused`.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.imap.answer_reader import Answer, AnswerReader, BodyPiece, Item, WholeMail
from shared.imap.arguments import wire_pieces
from shared.imap.capabilities import Capabilities
from shared.imap.commands import CANCEL, Command, Verb
from shared.imap.errors import Misused
from shared.imap.events import (
    Broken,
    Bye,
    Challenge,
    CompressionStarted,
    Event,
    Greeting,
    IdleStarted,
    MoreWanted,
    Reply,
)
from shared.imap.limits import Limits
from shared.imap.mail_assembly import MailAssembly
from shared.imap.outstanding import Outstanding, Sent
from shared.imap.scanner import Streamed
from shared.imap.send_rules import check_command
from shared.imap.session_facts import SessionFacts
from shared.imap.states import CONTINUES, LOGS_IN, State, after_reply
from shared.imap.status_lines import Condition, StatusLine, parse_challenge, parse_status_line
from shared.imap.untagged import UntaggedAnswers
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.source_errors import LimitExceeded, SourceViolation, WrongService
from shared.net.errors import ConnectionLost

_TAMPERED = "someone may tamper with the connection"


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
        self._redact = redact
        self._limits = limits
        self._tag_prefix = tag_prefix.encode("ascii")
        self._commands_sent = 0
        self._tls_required = tls_required
        self._state = State.GREETING
        self._before_idling = State.AUTHENTICATED
        self._outstanding = Outstanding()
        self._facts = SessionFacts()
        self._reader = AnswerReader(server, limits)
        self._mails = MailAssembly(server, limits, self._outstanding)
        self._untagged = UntaggedAnswers(self._outstanding, self._facts, self._mails, redact)
        self._listed = 0
        self._farewell: bytes | None = None

    @property
    def state(self) -> State:
        """Where the session is, by what the server has answered so far."""
        return self._state

    @property
    def capabilities(self) -> Capabilities | None:
        """What the server says it can do, for the connection as it is now; None where it has not said."""
        return self._facts.capabilities

    @property
    def enabled(self) -> frozenset[str]:
        """The extensions that ENABLE switched on, in upper case."""
        return self._facts.enabled

    @property
    def outstanding(self) -> int:
        """Commands without a tagged answer."""
        return len(self._outstanding)

    def send(self, command: Command) -> bytes:
        """Return the octets to send for `command`; where it has more of them, `MoreWanted` follows.

        Raises `Misused` where it is not allowed now.
        """
        check_command(command, self._state, self._outstanding, tls_required=self._tls_required)
        if command.verb in CONTINUES:
            return self._continue(command)
        self._commands_sent += 1
        tag = b"%s%d" % (self._tag_prefix, self._commands_sent)
        first, *later = wire_pieces(tag, command.parts, self._facts.capabilities)
        self._outstanding.add_command(tag, Sent(command, later))
        return first

    def send_more(self) -> bytes:
        """Return the next octets of the command that was sent last, after `MoreWanted`."""
        sent = self._outstanding.last
        if sent is None or not sent.is_more_wanted:
            raise Misused("The rest of a command was asked for that the server does not want yet.")
        sent.is_more_wanted = False
        return sent.unsent.popleft()

    def receive(self, data: bytes) -> list[Event]:
        """Return the events of `data`; b"" says that the server closed its side."""
        if self._state is State.BROKEN:
            raise Misused("Octets were handed in after the session broke.")
        events: list[Event] = []
        try:
            if data:
                self._reader.add(data)
                while (item := self._reader.next()) is not None:
                    self._handle(item, events)
            else:
                self._ended()
        except MailferryError as error:
            self._state = State.BROKEN
            self._reader.take_rest()
            events.append(Broken(error))
        return events

    def _continue(self, command: Command) -> bytes:
        """Go on with an exchange, or end IDLE."""
        sent = self._outstanding.last
        assert sent is not None
        sent.awaits_response = command == CANCEL  # an OK would be no answer to that
        self._state = self._before_idling if command.verb is Verb.DONE else State.NOT_AUTHENTICATED
        (part,) = command.parts
        assert isinstance(part, bytes)
        return part + b"\r\n"

    def _handle(self, item: Item, events: list[Event]) -> None:
        if isinstance(item, WholeMail):
            self._mails.take_whole(item, events)
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
        if self._state is State.GREETING:
            self._greeted(line, events)
        elif line.startswith(b"+"):
            self._continued(line, events)
        elif not line.startswith(b"* "):
            self._tagged(line, events)
        elif (status := parse_status_line(line)) is not None:
            self._said(status, events)
        else:
            self._read_data(answer, events)

    def _count(self, answer: Answer) -> None:
        if Streamed.BODY in answer.parts:
            return
        octets = sum(len(part) for part in answer.parts if isinstance(part, bytes))
        self._limits.meter.listed(octets, 1)
        self._listed += octets
        if self._listed > self._limits.listing:
            raise LimitExceeded(
                f"{self._server} sent more than {self._limits.listing} octets without an answer to a command."
            )

    def _read_data(self, answer: Answer, events: list[Event]) -> None:
        try:
            self._untagged.take_data(
                answer, events, is_selected=self._state in {State.SELECTED, State.IDLING}
            )
        except ValueError as error:
            line = answer.parts[0]
            assert isinstance(line, bytes)
            raise SourceViolation(
                f"{self._server} sent an answer that cannot be read, as {error}: {self._quoted(line)}."
            ) from error

    def _greeted(self, line: bytes, events: list[Event]) -> None:
        status = parse_status_line(line)
        if status is None or status.tag != b"*" or status.condition in {Condition.NO, Condition.BAD}:
            raise self._no_greeting(line)
        if status.condition is Condition.PREAUTH and self._tls_required:
            raise SourceViolation(
                f"{self._server} greeted as if somebody were logged in before TLS was started: {_TAMPERED}."
            )
        self._state = {
            Condition.PREAUTH: State.AUTHENTICATED,
            Condition.BYE: State.CLOSED,
        }.get(status.condition, State.NOT_AUTHENTICATED)
        self._learn(status)
        text = self._redact(status.text)
        events.append(Greeting(status.condition, status.code, self._redact(status.argument), text))

    def _said(self, status: StatusLine, events: list[Event]) -> None:
        """An untagged line with a status came."""
        if status.condition is Condition.PREAUTH:
            raise SourceViolation(f"{self._server} greeted a second time: {_TAMPERED}.")
        self._learn(status)
        if status.condition is Condition.BYE:
            self._farewell = status.text
            events.append(Bye(status.code, self._redact(status.argument), self._redact(status.text)))
        else:
            self._untagged.take_notice(status, events)

    def _continued(self, line: bytes, events: list[Event]) -> None:
        """The server lets us go on with the command that was sent last."""
        sent = self._outstanding.last
        verb = None if sent is None else sent.command.verb
        if sent is not None and sent.unsent and not sent.is_more_wanted:
            sent.is_more_wanted = True
            events.append(MoreWanted(sent.command))
        elif sent is not None and verb is Verb.AUTHENTICATE and self._state is not State.EXCHANGE:
            self._state = State.EXCHANGE
            sent.awaits_response = True
            events.append(Challenge(sent.command, parse_challenge(line)))
        elif sent is not None and verb is Verb.IDLE and sent.awaits_response and not self._is_idling:
            self._before_idling, self._state = self._state, State.IDLING
            events.append(IdleStarted(sent.command))
        else:
            raise SourceViolation(f"{self._server} asked for more where there is none: {self._quoted(line)}.")

    @property
    def _is_idling(self) -> bool:
        return self._state is State.IDLING

    def _tagged(self, line: bytes, events: list[Event]) -> None:
        status = parse_status_line(line)
        sent = None if status is None else self._outstanding.find_tag(status.tag)
        if status is None or sent is None or status.condition in {Condition.PREAUTH, Condition.BYE}:
            raise SourceViolation(f"{self._server} answered what was not asked: {self._quoted(line)}.")
        is_ok = status.condition is Condition.OK
        if is_ok and not sent.is_complete:
            raise SourceViolation(
                f"{self._server} agreed to {quoted(sent.command.shown)} before it was sent: {_TAMPERED}."
            )
        self._learn(status)
        self._outstanding.remove_tag(status.tag)
        self._listed = 0
        self._finish(sent, is_ok)
        if is_ok and sent.command.verb is Verb.STARTTLS:
            self._start_tls()
        if sent.selection is not None and is_ok:
            sent.selection.learn_code(status.code, status.argument)
            events.append(sent.selection.selected())
        argument, text = self._redact(status.argument), self._redact(status.text)
        events.append(Reply(sent.command, status.condition, status.code, argument, text))
        if is_ok and sent.command.verb is Verb.COMPRESS:
            events.append(CompressionStarted(self._reader.take_rest()))

    def _finish(self, sent: Sent, is_ok: bool) -> None:
        """Note what the answer changes for the commands that follow."""
        verb = sent.command.verb
        if self._state is State.IDLING:
            self._state = self._before_idling
        self._state = after_reply(self._state, verb, is_ok)
        if is_ok and verb in LOGS_IN and not sent.told_capabilities:
            self._facts.capabilities = None

    def _start_tls(self) -> None:
        """The octets that follow are encrypted. What was learnt in clear is forgotten."""
        self._facts.forget()
        self._tls_required = False
        if self._reader.is_within_answer:
            raise SourceViolation(
                f"{self._server} sent octets in clear behind its consent to start TLS: {_TAMPERED}."
            )

    def _learn(self, status: StatusLine) -> None:
        """Learn the capabilities of a response code."""
        if status.code != "CAPABILITY":
            return
        try:
            self._untagged.learn_capabilities(status.argument)
        except ValueError as error:
            raise LimitExceeded(f"{self._server} did not announce what it can do, as {error}.") from error

    def _no_greeting(self, said: bytes) -> WrongService:
        return WrongService(
            f"{self._server} should have greeted with * OK but said: {self._quoted(said)}.", said
        )

    def _quoted(self, text: bytes) -> str:
        return quoted(self._redact(text))

    def _ended(self) -> None:
        if self._state is State.CLOSED:
            return
        last = next(iter(self._outstanding), None)
        if self._farewell is not None and self._outstanding.any_of({Verb.LOGOUT}):
            self._state = State.CLOSED
            return
        if self._farewell is not None:
            raise ConnectionLost(
                f"{self._server} ended the session: {self._quoted(self._farewell)}.", fault=Fault.SOURCE
            )
        if self._state is State.GREETING and self._reader.is_within_answer:
            raise self._no_greeting(self._reader.take_rest())
        if self._state is State.GREETING:
            what = "without a greeting"
        elif self._reader.is_within_answer:
            what = "in the middle of an answer"
        elif last is not None:
            what = f"instead of answering {quoted(last.command.shown)}"
        else:
            what = "without being asked to"
        raise ConnectionLost(f"{self._server} closed the connection {what}.", fault=Fault.SOURCE)
