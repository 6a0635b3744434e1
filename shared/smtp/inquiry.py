"""Asks whether a target would take mail for some recipients, without input or output: MAIL, RCPT, RSET.

Servers count refused recipients against the one who asks and hang up after some (Postfix after 20), so few
should be asked at a time. A 421 answers for all that had no answer yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from shared.smtp.commands import RSET, Command, Verb
from shared.smtp.connection import Answer
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import Unsendable
from shared.smtp.paths import Parameters, mail_from, rcpt_to
from shared.smtp.reply import Reply


class Inquiry:
    """`commands` are to be sent in this order; each answer goes to `record`, until nothing is `open`."""

    def __init__(self, reverse_path: str, addresses: Sequence[str], *, smtputf8: bool) -> None:
        needed = not (reverse_path.isascii() and all(map(str.isascii, addresses)))
        self._parameters = Parameters(smtputf8=smtputf8 and needed)
        self._addresses = addresses
        self._found: dict[int, RecipientReply] = {}
        self._asked: deque[int] = deque()
        self.commands: Sequence[Command] = self._commands(reverse_path)

    @property
    def open(self) -> bool:
        """Whether an address has no answer yet."""
        return len(self._found) < len(self._addresses)

    @property
    def replies(self) -> Sequence[RecipientReply]:
        """One for each address, in their order; complete once nothing is open."""
        return [self._found[position] for position in sorted(self._found)]

    def record(self, answer: Answer) -> None:
        """Note what an answer means for whom; a refused sender is the answer to all."""
        if answer.verb is Verb.RCPT:
            self._note(self._asked.popleft(), answer.reply, Phase.RCPT)
        if answer.reply.code == 421 or (answer.verb is Verb.MAIL and not answer.reply.positive):
            for position in range(len(self._addresses)):
                self._note(position, answer.reply, Phase.MAIL if answer.verb is Verb.MAIL else Phase.RCPT)

    def _commands(self, reverse_path: str) -> Sequence[Command]:
        mail = mail_from(reverse_path, self._parameters)
        recipients = []
        for position, address in enumerate(self._addresses):
            try:
                recipients.append(rcpt_to(address, self._parameters))
                self._asked.append(position)
            except Unsendable as error:
                self._note(position, error.as_reply("5.1.3"), Phase.RCPT)
        return [mail, *recipients, RSET] if recipients else []

    def _note(self, position: int, reply: Reply, phase: Phase) -> None:
        self._found.setdefault(position, RecipientReply(self._addresses[position], reply, phase))
