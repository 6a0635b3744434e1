"""One mail transaction without input or output: which commands it takes, and whom each answer decides about.

Recipients are independent of each other: one that is refused, by the server or because its address cannot be
written, leaves the others alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from shared.smtp.commands import DATA, Command, Verb, mail_from, rcpt_to
from shared.smtp.connection import Answer
from shared.smtp.envelope import Envelope, Phase, RecipientReply
from shared.smtp.errors import Unsendable
from shared.smtp.reply import Reply

_PHASES = {
    Verb.RSET: Phase.MAIL,
    Verb.MAIL: Phase.MAIL,
    Verb.RCPT: Phase.RCPT,
    Verb.DATA: Phase.DATA,
    Verb.CONTENT: Phase.CONTENT,
}


class Transaction:
    """`commands` are to be sent in this order; each answer goes to `record`.

    `undecided` recipients are those whose fate is still open; without any, nothing more needs to be sent.
    """

    def __init__(self, envelope: Envelope, *, size: int | None, eight_bit: bool) -> None:
        self._recipients = envelope.recipients
        self._decided: dict[int, RecipientReply] = {}
        self._asked: deque[int] = deque()
        self.commands: Sequence[Command] = self._commands(envelope.reverse_path, size, eight_bit)

    @property
    def undecided(self) -> int:
        """How many recipients wait for a decision."""
        return len(self._recipients) - len(self._decided)

    @property
    def outcome(self) -> Sequence[RecipientReply]:
        """One per recipient of the envelope, in its order; complete once none is undecided."""
        return [self._decided[position] for position in sorted(self._decided)]

    def record(self, answers: Iterable[Answer]) -> None:
        """Note what they mean for whom; refusing a step that all share decides about all still open."""
        for verb, reply in answers:
            if verb in _PHASES:
                self._record(verb, reply)

    def _record(self, verb: Verb, reply: Reply) -> None:
        position = self._asked.popleft() if verb is Verb.RCPT else None
        refused = reply.severity in {4, 5}
        if position is not None and refused:
            self._decide(position, reply, Phase.RCPT)
        if reply.code == 421 or verb is Verb.CONTENT or (refused and position is None):
            self._decide_rest(reply, _PHASES[verb])

    def _commands(self, reverse_path: str, size: int | None, eight_bit: bool) -> Sequence[Command]:
        try:
            mail = mail_from(reverse_path, size=size, eight_bit=eight_bit)
        except Unsendable as error:
            self._decide_rest(error.as_reply(b"5.1.7"), Phase.MAIL)
            return []
        asked = (self._rcpt(position) for position in range(len(self._recipients)))
        recipients = [command for command in asked if command is not None]
        return [mail, *recipients, DATA] if recipients else []

    def _rcpt(self, position: int) -> Command | None:
        try:
            command = rcpt_to(self._recipients[position])
        except Unsendable as error:
            self._decide(position, error.as_reply(b"5.1.3"), Phase.RCPT)
            return None
        self._asked.append(position)
        return command

    def _decide(self, position: int, reply: Reply, phase: Phase) -> None:
        if position not in self._decided:
            self._decided[position] = RecipientReply(self._recipients[position], reply, phase)

    def _decide_rest(self, reply: Reply, phase: Phase) -> None:
        for position in range(len(self._recipients)):
            self._decide(position, reply, phase)
