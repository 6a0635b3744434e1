"""The client side of one SMTP connection, without input or output: commands in, bytes out; bytes in, answers
out.

It matches replies to commands, also in a pipelined group (RFC 2920), and checks their order. A command that
must not be sent now raises `LocalProtocolError`; a reply that must not come now raises `ProtocolViolation`.
After a violation or a 421 (RFC 5321, section 3.8) the state is CLOSED and the connection is not used again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from shared.smtp.commands import Command, Verb, bdat
from shared.smtp.content import ContentEncoder, PreparedContent
from shared.smtp.errors import LocalProtocolError, ProtocolViolation
from shared.smtp.extensions import Extensions
from shared.smtp.reply import Reply
from shared.smtp.reply_masking import ReplyMasker
from shared.smtp.reply_parser import ReplyParser


class State(StrEnum):
    """Where the session is, as far as the server has answered."""

    CONNECTED = "connected"
    GREETED = "greeted"
    TLS = "tls"
    READY = "ready"
    AUTHENTICATING = "authenticating"
    ENVELOPE = "envelope"
    CONTENT = "content"
    CHUNKS = "chunks"
    CLOSED = "closed"


# The states in which a command may be sent (RFC 5321, sections 3.3 and 4.1.4). In CONTENT every octet is part
# of the mail, so no command is allowed. BDAT is not listed, since it comes with its chunk.
_ALLOWED: Mapping[Verb, frozenset[State]] = MappingProxyType(
    {
        Verb.EHLO: frozenset({State.GREETED, State.READY}),
        Verb.HELO: frozenset({State.GREETED, State.READY}),
        Verb.LHLO: frozenset({State.GREETED, State.READY}),
        Verb.STARTTLS: frozenset({State.READY}),
        Verb.AUTH: frozenset({State.READY, State.AUTHENTICATING}),
        Verb.XCLIENT: frozenset({State.READY}),
        Verb.XFORWARD: frozenset({State.READY}),
        Verb.MAIL: frozenset({State.READY}),
        Verb.RCPT: frozenset({State.ENVELOPE}),
        Verb.DATA: frozenset({State.ENVELOPE}),
        Verb.RSET: frozenset({State.READY, State.ENVELOPE, State.CHUNKS}),
        Verb.QUIT: frozenset({State.GREETED, State.READY, State.ENVELOPE, State.CHUNKS}),
    }
)

# The commands behind which more may be pipelined before their reply is seen (RFC 2920).
_PIPELINED = frozenset({Verb.MAIL, Verb.RCPT, Verb.RSET, Verb.XFORWARD})

# The state that the next command of a pipelined group may assume.
_ASSUMED: Mapping[Verb, State] = MappingProxyType({Verb.MAIL: State.ENVELOPE, Verb.RSET: State.READY})

# The next state, by the verb that a reply answers and its first digit. What is missing changes nothing.
_NEXT: Mapping[tuple[Verb, int], State] = MappingProxyType(
    {
        (Verb.GREETING, 2): State.GREETED,
        (Verb.GREETING, 4): State.CLOSED,
        (Verb.GREETING, 5): State.CLOSED,
        (Verb.EHLO, 2): State.READY,
        (Verb.HELO, 2): State.READY,
        (Verb.LHLO, 2): State.READY,
        (Verb.STARTTLS, 2): State.TLS,
        (Verb.AUTH, 2): State.READY,
        (Verb.AUTH, 3): State.AUTHENTICATING,
        (Verb.AUTH, 4): State.READY,
        (Verb.AUTH, 5): State.READY,
        (Verb.XCLIENT, 2): State.GREETED,
        (Verb.MAIL, 2): State.ENVELOPE,
        (Verb.DATA, 3): State.CONTENT,
        (Verb.BDAT, 2): State.CHUNKS,
        (Verb.BDAT, 4): State.CHUNKS,
        (Verb.BDAT, 5): State.CHUNKS,
        (Verb.CONTENT, 2): State.READY,
        (Verb.CONTENT, 4): State.READY,
        (Verb.CONTENT, 5): State.READY,
        (Verb.RSET, 2): State.READY,
        (Verb.QUIT, 2): State.CLOSED,
        (Verb.QUIT, 4): State.CLOSED,
        (Verb.QUIT, 5): State.CLOSED,
    }
)

_REFUSAL = frozenset({4, 5})

# The first digits that a reply may have: 2, 4 and 5, except for the commands with an intermediate reply.
_POSSIBLE: Mapping[Verb, frozenset[int]] = MappingProxyType(
    {verb: _REFUSAL | {2} for verb in Verb} | {Verb.DATA: _REFUSAL | {3}, Verb.AUTH: _REFUSAL | {2, 3}}
)

# Looked up once: a look-up in an enumeration costs as much as a call or two, and a mail needs dozens.
_TLS, _READY, _CONTENT, _CLOSED = State.TLS, State.READY, State.CONTENT, State.CLOSED
_MAIL, _RCPT, _CONTENT_VERB = Verb.MAIL, Verb.RCPT, Verb.CONTENT
_HELLOS = frozenset({Verb.EHLO, Verb.HELO, Verb.LHLO})


class Answer(NamedTuple):
    """A reply and what it answers; `verb` is None for an unsolicited 421."""

    verb: Verb | None
    reply: Reply


class SmtpConnection:
    """One connection, from its greeting to its end.

    `extensions` is what the last EHLO announced; empty before, and after TLS began. With `lmtp` the content
    is answered once for each accepted recipient (RFC 2033, section 4.2).
    """

    def __init__(self, *, lmtp: bool = False) -> None:
        self.lmtp = lmtp
        self.state = State.CONNECTED
        self.extensions = Extensions()
        self._accepted = 0
        self._expected: deque[Verb] = deque([Verb.GREETING])
        self._parser = ReplyParser()
        self._encoder = ContentEncoder()

    @property
    def expected(self) -> Verb | None:
        """What the next reply will answer; None: the server owes no reply."""
        return self._expected[0] if self._expected else None

    @property
    def quiet(self) -> bool:
        """Whether the server owes no reply and has sent nothing unsolicited."""
        return not self._expected and not self._parser.buffered

    def issue_commands(self, commands: Sequence[Command]) -> bytes:
        """Return the bytes of a group of commands; more than one only if the server offers PIPELINING."""
        if self._expected:
            raise LocalProtocolError(f"Commands were issued while {self._expected[0]} was unanswered.")
        self.check_nothing_buffered()
        return self._issue_group(self.state, commands)

    def issue_chunk(self, octets: bytes, *, last: bool, next_commands: Sequence[Command] = ()) -> bytes:
        """Return a chunk of the mail with its BDAT; `next_commands` as for `issue_content`, if `last`."""
        if self.state not in {State.ENVELOPE, State.CHUNKS} or self._expected:
            raise LocalProtocolError(f"A chunk cannot be sent in the state {self.state}.")
        if not self.extensions.chunking:
            raise LocalProtocolError("A chunk was to be sent to a server that does not offer CHUNKING.")
        if last:
            self._expect_content_reply()
        else:
            self._expected.append(Verb.BDAT)
        following = self._issue_group(_READY, next_commands) if next_commands else b""
        return b"".join((bdat(len(octets), last=last), octets, following))

    def issue_content(self, content: PreparedContent, next_commands: Sequence[Command] = ()) -> bytes:
        """Return the bytes of a whole mail with its end mark; the server then owes the reply.

        `next_commands`: the envelope of the next mail, for the same write (RFC 2920, section 3.1).
        """
        self._check_content()
        self._expect_content_reply()
        if next_commands:
            return content.wire + self._issue_group(_READY, next_commands)
        return content.wire

    def issue_content_part(self, part: bytes) -> bytes:
        """Return the bytes of a part of the mail, cut anywhere."""
        self._check_content()
        return self._encoder.encode_part(part)

    def end_content(self, next_commands: Sequence[Command] = ()) -> bytes:
        """Return the bytes that end the mail; the server then owes the reply.

        `next_commands` as for `issue_content`.
        """
        self._check_content()
        self._expect_content_reply()
        last, self._encoder = self._encoder.finish(), ContentEncoder()
        return last + self._issue_group(_READY, next_commands) if next_commands else last

    def begin_tls(self) -> None:
        """Forget what the server announced in clear, as TLS has begun (RFC 3207, section 4.2).

        Raises `ProtocolViolation` if bytes came in clear behind the reply to STARTTLS: they may be injected.
        """
        if self.state is not State.TLS:
            raise LocalProtocolError("TLS began without the server's consent.")
        self.check_nothing_buffered()
        self.extensions = Extensions()
        self.state = State.GREETED

    def mask_secrets(self, masker: ReplyMasker) -> None:
        """Mask secrets in refusals and errors from now on."""
        self._parser.masker = masker

    def check_nothing_buffered(self) -> None:
        """Raise `ProtocolViolation` if bytes are left that answer nothing.

        They would be taken for the answer to the next command; before TLS they are an attack
        (CVE-2021-39272).
        """
        if self._parser.buffered:
            self.close()
            raise ProtocolViolation("The server sent more than it was asked for.")

    def receive(self, data: bytes) -> None:
        """Add bytes that the server sent; `next_answer` returns what they mean."""
        self._parser.receive(data)

    def next_answer(self) -> Answer | None:
        """Return the next answer, or None if more bytes are needed or nothing is left."""
        if self.state is _TLS:
            return None
        try:
            reply = self._parser.next_reply()
            return None if reply is None else self._answer(reply)
        except ProtocolViolation:
            self.close()
            raise

    def _issue_group(self, state: State, commands: Sequence[Command]) -> bytes:
        """Return the bytes of commands that are sent in `state` without waiting for replies between them."""
        if (len(commands) > 1 or self._expected) and not self.extensions.pipelining:
            raise LocalProtocolError(
                "Commands were issued together to a server that does not offer PIPELINING."
            )
        last = len(commands) - 1
        for position, (verb, _) in enumerate(commands):
            if state not in _ALLOWED[verb]:
                raise LocalProtocolError(f"{verb} cannot be sent in the state {state}.")
            if position != last and verb not in _PIPELINED:
                raise LocalProtocolError(f"A command was issued behind {verb}, which has to be the last.")
            state = _ASSUMED.get(verb, state)
        self._expected.extend([verb for verb, _ in commands])
        return b"".join([line for _, line in commands])

    def _check_content(self) -> None:
        if self.state is not _CONTENT or self._expected:
            raise LocalProtocolError(f"Content cannot be sent in the state {self.state}.")

    def _expect_content_reply(self) -> None:
        self._expected.extend([_CONTENT_VERB] * (self._accepted if self.lmtp else 1))

    def _answer(self, reply: Reply) -> Answer:
        unsolicited = not self._expected
        verb = self._unsolicited_verb(reply) if unsolicited else self._expected.popleft()
        if verb is not None:
            self._apply_reply(verb, reply)
        if unsolicited or reply.code == 421:
            self.close()
        if self._parser.masker is not None and (verb is _CONTENT_VERB or reply.code >= 400):
            reply = self._masked(reply)
        return Answer(verb, reply)

    def _unsolicited_verb(self, reply: Reply) -> Verb | None:
        """Return what an unsolicited reply answers: the content, if it refuses in the middle of it.

        Otherwise only 421 may be unsolicited; it answers nothing.
        """
        if self.state in {State.CONTENT, State.CHUNKS} and reply.severity in _REFUSAL:
            return Verb.CONTENT
        if reply.code == 421:
            return None
        raise ProtocolViolation(f"The server sent a reply to nothing: {self._masked(reply).text}.")

    def _apply_reply(self, verb: Verb, reply: Reply) -> None:
        severity = reply.code // 100
        if severity not in _POSSIBLE[verb]:
            said = self._masked(reply).text
            raise ProtocolViolation(f"The server is out of step: it answered {verb} with {said}.")
        if verb is _MAIL:
            self._accepted = 0
        elif verb is _RCPT:
            self._accepted += reply.positive
        elif verb in _HELLOS:
            extended = reply.positive and verb is not Verb.HELO
            self.extensions = Extensions.announced(reply) if extended else Extensions()
        self.state = _NEXT.get((verb, severity), self.state)

    def _masked(self, reply: Reply) -> Reply:
        masker = self._parser.masker
        return reply if masker is None else masker.mask_reply(reply)

    def close(self) -> None:
        """Note that the connection is gone or given up."""
        self.state = _CLOSED
        self._expected.clear()
