"""One mail transaction without input or output: which commands it takes, and whom each answer decides about.

Recipients are independent of each other: one that is refused, by the server or because its address cannot be
written, leaves the others alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.smtp.commands import DATA, Command, Verb
from shared.smtp.connection import Answer
from shared.smtp.envelope import Envelope, Phase, RecipientReply
from shared.smtp.errors import Unsendable
from shared.smtp.paths import PLAIN, Parameters, mail_from, rcpt_to
from shared.smtp.reply import Reply

_RCPT, _VERDICT = Verb.RCPT, Verb.CONTENT
_PHASES = {
    Verb.RSET: Phase.MAIL,
    Verb.MAIL: Phase.MAIL,
    Verb.RCPT: Phase.RCPT,
    Verb.DATA: Phase.DATA,
    Verb.CONTENT: Phase.CONTENT,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """How a mail is sent to this server.

    `parameters` are what MAIL and RCPT may say. `chunked`: the content comes with BDAT instead of DATA.
    `each_answered`: LMTP's way, a reply to the content for each recipient (RFC 2033, section 4.2). `report`
    is the XFORWARD in front of it.
    """

    parameters: Parameters = PLAIN
    chunked: bool = False
    each_answered: bool = False
    report: Command | None = None


class Transaction:
    """`commands` are to be sent in this order; each answer goes to `record`.

    `undecided` recipients are those whose fate is still open; without any, nothing more needs to be sent.
    """

    def __init__(self, envelope: Envelope, terms: Terms) -> None:
        self.terms = terms
        self._envelope = envelope
        self._recipients = envelope.recipients
        self._decided: dict[int, RecipientReply] = {}
        self._asked: deque[int] = deque()
        self._accepted: deque[int] = deque()
        self.commands: Sequence[Command] = self._commands()

    @property
    def undecided(self) -> int:
        """How many recipients wait for a decision."""
        return len(self._recipients) - len(self._decided)

    @property
    def outcome(self) -> Sequence[RecipientReply]:
        """One for each recipient who is decided about, in the envelope's order."""
        return [self._decided[position] for position in sorted(self._decided)]

    def record(self, answers: Iterable[Answer]) -> None:
        """Note what they mean for whom; refusing a step that all share decides about all still open."""
        for verb, reply in answers:
            if verb is _RCPT:
                self._record_recipient(reply)
            elif verb is _VERDICT and self.terms.each_answered:
                self._decide(self._accepted.popleft(), reply, Phase.CONTENT)
            elif (verb is _VERDICT or reply.code >= 400) and verb in _PHASES:
                self._decide_rest(reply, _PHASES[verb])

    def refuse(self, reply: Reply) -> None:
        """The content was refused before it had come to its end, so that nobody has it."""
        self._decide_rest(reply, Phase.CONTENT)

    def _record_recipient(self, reply: Reply) -> None:
        position = self._asked.popleft()
        if reply.positive:
            self._accepted.append(position)
        else:
            self._decide(position, reply, Phase.RCPT)
        if reply.code == 421:
            self._decide_rest(reply, Phase.RCPT)

    def _commands(self) -> Sequence[Command]:
        try:
            mail = mail_from(self._envelope.reverse_path, self.terms.parameters)
        except Unsendable as error:
            self._decide_rest(error.as_reply("5.1.7"), Phase.MAIL)
            return []
        asked = (self._rcpt(position) for position in range(len(self._recipients)))
        recipients = [command for command in asked if command is not None]
        if not recipients:
            return []
        report = [] if self.terms.report is None else [self.terms.report]
        return [*report, mail, *recipients] if self.terms.chunked else [*report, mail, *recipients, DATA]

    def _rcpt(self, position: int) -> Command | None:
        recipient = self._recipients[position]
        try:
            command = rcpt_to(recipient, self.terms.parameters)
        except Unsendable as error:
            self._decide(position, error.as_reply("5.1.3"), Phase.RCPT)
            return None
        self._asked.append(position)
        return command

    def _decide(self, position: int, reply: Reply, phase: Phase) -> None:
        if position not in self._decided:
            self._decided[position] = RecipientReply(self._recipients[position], reply, phase)

    def _decide_rest(self, reply: Reply, phase: Phase) -> None:
        for position in range(len(self._recipients)):
            self._decide(position, reply, phase)
