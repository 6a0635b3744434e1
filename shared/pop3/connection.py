"""A POP3 session without input or output: it turns commands into octets to send, and received octets into
events.

Promises: however the server's octets are divided, the same events come out, except where a large answer is
divided. Nothing that a server sends raises an error; it becomes `Broken`, after all events that are good.
Memory is bounded by `Limits`. A command where the protocol does not allow it is a defect of ours and raises
`Misused`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice

from shared.model.errors import Fault, MailferryError, quoted
from shared.model.source_errors import LimitExceeded, SourceViolation, WrongService
from shared.net.errors import ConnectionLost, Misused
from shared.pop3.body import BodyAssembly
from shared.pop3.commands import ALLOWED, BARRIERS, Command, State, Verb, after_reply
from shared.pop3.events import Broken, Challenge, Event, Greeting, Reply, Unanswered, Unreadable
from shared.pop3.limits import Limits
from shared.pop3.replies import KNOWN_CODES, Status, parse_challenge, parse_status

MOST_UNREADABLE = 16
"""Lines in a row that are no answer. Servers add an empty line or a remark; the rest of a mail that was cut
has many lines."""

_CR = 0x0D
_EXCHANGING = frozenset({Verb.AUTH, Verb.RESPONSE})


class Pop3Connection:
    """The state of one session.

    `server` is the name in the sentences of errors. `mask` removes secrets from what the server says, before
    it gets into an event or a sentence: servers echo them.

    With `tolerates_noise` a line in the transaction state that is no status line becomes `Unreadable`, and
    does not end the session. The caller then has to check that answers are still in step with commands, by a
    command with an `answer_pattern`.
    """

    tolerates_noise = False

    def __init__(self, server: str, limits: Limits, mask: Callable[[bytes], bytes] = bytes) -> None:
        self._server = server
        self._limits = limits
        self._mask = mask
        self._state = State.GREETING
        self._pending: deque[Command] = deque()
        self._rest = b""
        self._body: BodyAssembly | None = None
        self._tls_begins = False
        self._unreadable = 0
        self._unreadable_in_a_row = 0

    @property
    def state(self) -> State:
        """The state of the session, by the answers so far."""
        return self._state

    @property
    def in_doubt(self) -> bool:
        """Whether a line was unreadable since an answer was last recognised."""
        return self._unreadable > 0

    @property
    def outstanding(self) -> int:
        """How many commands are not completely answered."""
        return len(self._pending) + (self._body is not None)

    def send_command(self, command: Command) -> bytes:
        """Return the octets to send for `command`. Raises `Misused` where it is not allowed now."""
        if command.verb not in ALLOWED[self._state]:
            raise Misused(f"{command.verb.name} was asked for in the state {self._state.name}.")
        if command.verb in BARRIERS and self.outstanding:
            raise Misused(f"{command.verb.name} was asked for while answers were outstanding.")
        if self._pending and self._pending[-1].verb in BARRIERS:
            raise Misused(f"{command.verb.name} was asked for behind {self._pending[-1].verb.name}.")
        self._pending.append(command)
        self._tls_begins = False
        return command.wire

    def receive_data(self, data: bytes) -> list[Event]:
        """Return the events of the received `data`; b"" means that the server closed its side."""
        events: list[Event] = []
        if self._state is State.BROKEN:
            raise Misused("Bytes were handed in after the session broke.")
        try:
            if data:
                self._parse(data, events)
            else:
                self._ended()
        except MailferryError as error:
            self._state = State.BROKEN
            self._rest = b""
            events.append(Broken(error))
        return events

    def _parse(self, data: bytes, events: list[Event]) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        position = 0
        while 0 <= position < len(data):
            if self._body is not None:
                position = self._body.take_octets(data, position, events)
                if position >= 0:
                    self._body = None
            else:
                position = self._parse_line(data, position, events)

    def _parse_line(self, data: bytes, start: int, events: list[Event]) -> int:
        """Take the line at `start`; return the position after it, or -1 if its end has not come yet."""
        end = data.find(b"\n", start)
        if (end if end >= 0 else len(data)) - start > self._limits.line:
            raise LimitExceeded(f"{self._server} sent a line of more than {self._limits.line} octets.")
        if end < 0:
            self._rest = data[start:]
            return -1
        line = data[start : end - 1 if end > start and data[end - 1] == _CR else end]
        if self._state is State.GREETING:
            self._greeted(line, events)
        elif self._is_noise(line):
            self._unread(line, events)
        elif not self._pending:
            raise self._unasked(line)
        else:
            self._answered(self._pending[0], line, events)
        if self._tls_begins and end + 1 < len(data):
            raise SourceViolation(
                f"{self._server} sent bytes in clear behind its consent to start TLS: someone may tamper "
                "with the connection."
            )
        return end + 1

    def _greeted(self, line: bytes, events: list[Event]) -> None:
        status = parse_status(line)
        if status is None:
            raise self._no_greeting(line)
        self._state = State.AUTHORIZATION if status.ok else State.CLOSED
        events.append(Greeting(status.ok, self._code(status, line), self._mask(status.text)))

    def _answered(self, command: Command, line: bytes, events: list[Event]) -> None:
        if command.verb in _EXCHANGING:
            challenge = parse_challenge(line)
            if challenge is not None:
                self._pending.popleft()
                self._state = State.EXCHANGE
                events.append(Challenge(command, challenge))
                return
        status = self._status(line, command.shown)
        self._unreadable_in_a_row = 0
        if self._unreadable:
            command = self._recognised(status, events)
        self._pending.popleft()
        if status.ok and command.multiline:
            self._body = BodyAssembly(command, self._limits, self._server)
            return
        self._state = after_reply(self._state, command.verb, status.ok)
        self._tls_begins = status.ok and command.verb is Verb.STLS
        events.append(Reply(command, status.ok, self._code(status, line), self._mask(status.text)))

    def _is_noise(self, line: bytes) -> bool:
        """Return whether a line is no answer. A lone dot is not noise: it ends the rest of a mail that was
        cut.
        """
        tolerant = self.tolerates_noise and self._state is State.TRANSACTION
        return tolerant and line != b"." and parse_status(line) is None

    def _unread(self, line: bytes, events: list[Event]) -> None:
        self._unreadable += 1
        self._unreadable_in_a_row += 1
        violation = (
            self._no_answer(line, self._pending[0].shown) if self._pending else self._out_of_turn(line)
        )
        if self._unreadable_in_a_row > MOST_UNREADABLE:
            raise violation
        events.append(Unreadable(violation))

    def _recognised(self, status: Status, events: list[Event]) -> Command:
        """Return the command that is answered, by its pattern.

        Each unreadable line may have been the whole answer to a command before it.
        """
        for place, command in enumerate(islice(self._pending, self._unreadable + 1)):
            pattern = command.answer_pattern
            if status.ok and pattern is not None and pattern.match(status.text):
                events += [Unanswered(self._pending.popleft()) for _ in range(place)]
                self._unreadable = 0
                return command
        return self._pending[0]

    def _status(self, line: bytes, asked: str) -> Status:
        status = parse_status(line)
        if status is None:
            raise self._no_answer(line, asked)
        return status

    def _no_answer(self, line: bytes, asked: str) -> SourceViolation:
        return SourceViolation(
            f"{self._server} should have answered {quoted(asked)} with +OK or -ERR "
            f"but said: {self._quoted(line)}."
        )

    def _no_greeting(self, said: bytes) -> WrongService:
        return WrongService(
            f"{self._server} should have greeted with +OK or -ERR but said: {self._quoted(said)}.", said
        )

    def _code(self, status: Status, line: bytes) -> str:
        """Return the response code; "" for an unknown one that contains a secret."""
        start = line.upper().find(status.code.encode("ascii"))
        written = line[start : start + len(status.code)]
        if status.code in KNOWN_CODES or self._mask(written) == written:
            return status.code
        return ""

    def _quoted(self, text: bytes) -> str:
        return quoted(self._mask(text))

    def _unasked(self, line: bytes) -> MailferryError:
        status = parse_status(line)
        if status is not None and not status.ok:
            return ConnectionLost(
                f"{self._server} ended the session: {self._quoted(status.text)}.", fault=Fault.SOURCE
            )
        return self._out_of_turn(line)

    def _out_of_turn(self, line: bytes) -> SourceViolation:
        return SourceViolation(f"{self._server} spoke out of turn: {self._quoted(line)}.")

    def _ended(self) -> None:
        if self._state is State.CLOSED:
            return
        if self._body is not None:
            what = "in the middle of an answer"
        elif self._pending:
            what = f"instead of answering {quoted(self._pending[0].shown)}"
        elif self._state is State.GREETING and self._rest:
            raise self._no_greeting(self._rest)
        elif self._state is State.GREETING:
            what = "without a greeting"
        else:
            what = "without being asked to"
        raise ConnectionLost(f"{self._server} closed the connection {what}.", fault=Fault.SOURCE)
