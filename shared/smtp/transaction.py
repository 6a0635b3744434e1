"""Mail transactions without input or output: which commands they take, and which reply decides about whom.

Recipients are independent: one that is refused, by the server or because its address cannot be written,
leaves the others alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.smtp.commands import (
    DATA,
    PLAIN,
    RSET,
    Command,
    Parameters,
    Verb,
    client_report,
    mail_from,
    rcpt_to,
)
from shared.smtp.connection import Answer, SmtpConnection
from shared.smtp.envelope import (
    XCLIENT,
    XFORWARD,
    Envelope,
    Mail,
    Phase,
    RecipientReply,
    ReportedClient,
)
from shared.smtp.errors import EightBitRefused, SizeRefused, Unsendable
from shared.smtp.extensions import Extensions
from shared.smtp.reply import Reply

CHUNK_FROM = 256 * 1024
"""Octets from which on a mail is sent by BDAT, if the server offers it."""

_RCPT, _CONTENT = Verb.RCPT, Verb.CONTENT
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

    `parameters` of MAIL and RCPT. `chunked`: the content is sent by BDAT instead of DATA. `each_answered`:
    the content is answered for each recipient, as in LMTP (RFC 2033, section 4.2). `report`: the XFORWARD in
    front of MAIL.
    """

    parameters: Parameters = PLAIN
    chunked: bool = False
    each_answered: bool = False
    report: Command | None = None


class Transaction:
    """The transaction of one mail.

    `commands` are to be sent in this order; answers go to `record_answers`.
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
        """The number of recipients without a decision; at 0 nothing more needs to be sent."""
        return len(self._recipients) - len(self._decided)

    @property
    def outcome(self) -> Sequence[RecipientReply]:
        """One reply for each recipient with a decision, in the envelope's order."""
        return [self._decided[position] for position in sorted(self._decided)]

    def record_answers(self, answers: Iterable[Answer]) -> None:
        """Record what the answers decide; a refused MAIL, DATA or content decides about all others."""
        for verb, reply in answers:
            if verb is _RCPT:
                self._record_recipient(reply)
            elif verb is _CONTENT and self.terms.each_answered:
                self._decide(self._accepted.popleft(), reply, Phase.CONTENT)
            elif (verb is _CONTENT or reply.code >= 400) and verb in _PHASES:
                self._decide_rest(reply, _PHASES[verb])

    def refuse_content(self, reply: Reply) -> None:
        """Record that the content was refused before its end, so that no recipient has it."""
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


class RecipientQuery:
    """Asks whether a target would accept mail for some recipients, without sending one: MAIL, RCPT, RSET.

    `commands` are to be sent in this order, each answer goes to `record_answer`, while `open`. A 421 answers
    for all that had no answer yet. Servers hang up after some refused recipients (Postfix after 20), so ask
    about few at a time.
    """

    def __init__(self, reverse_path: str, addresses: Sequence[str], *, smtputf8: bool) -> None:
        needed = not (reverse_path.isascii() and all(map(str.isascii, addresses)))
        self._parameters = Parameters(smtputf8=smtputf8 and needed)
        self._addresses = addresses
        self._decided: dict[int, RecipientReply] = {}
        self._asked: deque[int] = deque()
        self.commands: Sequence[Command] = self._commands(reverse_path)

    @property
    def open(self) -> bool:
        """Whether an address has no answer yet."""
        return len(self._decided) < len(self._addresses)

    @property
    def replies(self) -> Sequence[RecipientReply]:
        """One for each address, in their order; complete once `open` is false."""
        return [self._decided[position] for position in sorted(self._decided)]

    def record_answer(self, answer: Answer) -> None:
        """Record what an answer decides; a refused sender decides about all."""
        if answer.verb is Verb.RCPT:
            self._decide(self._asked.popleft(), answer.reply, Phase.RCPT)
        if answer.reply.code == 421 or (answer.verb is Verb.MAIL and not answer.reply.positive):
            for position in range(len(self._addresses)):
                self._decide(position, answer.reply, Phase.MAIL if answer.verb is Verb.MAIL else Phase.RCPT)

    def _commands(self, reverse_path: str) -> Sequence[Command]:
        mail = mail_from(reverse_path, self._parameters)
        recipients = []
        for position, address in enumerate(self._addresses):
            try:
                recipients.append(rcpt_to(address, self._parameters))
                self._asked.append(position)
            except Unsendable as error:
                self._decide(position, error.as_reply("5.1.3"), Phase.RCPT)
        return [mail, *recipients, RSET] if recipients else []

    def _decide(self, position: int, reply: Reply, phase: Phase) -> None:
        self._decided.setdefault(position, RecipientReply(self._addresses[position], reply, phase))


def plan_transaction(mail: Mail, protocol: SmtpConnection, chunk_from: int) -> Transaction:
    """Return the transaction for a mail, on the terms that the server's extensions allow.

    A stream that may be 8-bit is declared 8-bit, which is never wrong. Mails of `chunk_from` octets and more
    are sent by BDAT. Raises `SizeRefused` and `EightBitRefused`.
    """
    extensions, size, eight_bit = protocol.extensions, mail.size, mail.eight_bit
    limit = extensions.size_limit
    if size is not None and limit is not None and size > limit:
        text = f"The mail has {size} octets; the target takes at most {limit}."
        raise SizeRefused(text, Reply(552, (b"5.3.4 " + text.encode(),), local=True))
    if eight_bit and not extensions.eight_bit_mime:
        raise eight_bit_refused()
    parameters = Parameters(
        size=size if extensions.size else None,
        eight_bit=extensions.eight_bit_mime and eight_bit is not False,
        smtputf8=extensions.smtputf8 and mail.envelope.international,
        dsn=mail.envelope.dsn if extensions.dsn else None,
    )
    chunked = extensions.chunking and (
        size is None or size >= chunk_from or (mail.prepared is not None and mail.prepared.has_nul)
    )
    terms = Terms(
        parameters,
        chunked=chunked,
        each_answered=protocol.lmtp,
        report=_report(mail.envelope.client, XFORWARD, extensions),
    )
    return Transaction(mail.envelope, terms)


def refused_transaction(mail: Mail, refusal: Reply) -> Transaction:
    """Return the transaction of a mail that was refused before MAIL."""
    transaction = Transaction(mail.envelope, Terms())
    transaction.record_answers([Answer(Verb.MAIL, refusal)])
    return transaction


def eight_bit_refused() -> EightBitRefused:
    """Return the error for an 8-bit mail and a server without 8BITMIME (RFC 6152)."""
    text = "The mail has 8-bit octets and the target does not offer 8BITMIME."
    return EightBitRefused(text, Reply(554, (b"5.6.3 " + text.encode(),), local=True))


def xclient_for(mail: Mail, extensions: Extensions) -> Command | None:
    """Return the XCLIENT that restarts the session for a mail; None if it is not wanted or not offered."""
    client = mail.envelope.client
    return None if client is None else _report(client, XCLIENT, extensions)


def _report(client: ReportedClient | None, by: str, extensions: Extensions) -> Command | None:
    if client is None or client.by != by:
        return None
    offered = extensions.keywords.get(client.by)
    return client_report(client, [each.upper() for each in offered]) if offered else None
