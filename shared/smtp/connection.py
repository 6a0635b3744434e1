"""The client side of one SMTP connection, without input or output: commands in, bytes out; bytes in, answers
out.

It matches replies to commands, also across a pipelined group (RFC 2920), and keeps the order of things: what
must not be said now raises `LocalProtocolError`, what the server must not say raises `ProtocolViolation`.
After either a violation or a 421 (RFC 5321, section 3.8) the state is CLOSED and the connection good for
nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from shared.smtp.commands import Command, Verb, bdat
from shared.smtp.confidential import Confidential
from shared.smtp.content import ContentEncoder, PreparedContent
from shared.smtp.errors import LocalProtocolError, ProtocolViolation
from shared.smtp.extensions import Extensions
from shared.smtp.reply import Reply
from shared.smtp.reply_parser import ReplyParser
from shared.smtp.state import (
    ALLOWED,
    GROUPABLE,
    NEXT,
    POSSIBLE,
    PRESUMED,
    REFUSAL,
    State,
)

# Looked up once: each look-up in an enumeration costs as much as a call or two, and a mail needs dozens.
_TLS, _READY, _CONTENT, _CLOSED = State.TLS, State.READY, State.CONTENT, State.CLOSED
_MAIL, _RCPT, _VERDICT = Verb.MAIL, Verb.RCPT, Verb.CONTENT
_HELLOS = frozenset({Verb.EHLO, Verb.HELO, Verb.LHLO})


class Answer(NamedTuple):
    """A reply and what it answers; `verb` is None for a 421 that came unasked."""

    verb: Verb | None
    reply: Reply


class SmtpConnection:
    """One connection, from before its greeting to its end.

    `extensions` is what the last EHLO brought, and empty until then and after TLS began. With `lmtp` the
    content is answered once for each recipient who was accepted (RFC 2033, section 4.2).
    """

    def __init__(self, *, lmtp: bool = False) -> None:
        self.lmtp = lmtp
        self.state = State.CONNECTED
        self.extensions = Extensions()
        self._accepted = 0
        self._awaited: deque[Verb] = deque([Verb.GREETING])
        self._parser = ReplyParser()
        self._encoder = ContentEncoder()

    @property
    def awaited(self) -> Verb | None:
        """What the next reply will answer; None: nothing is owed."""
        return self._awaited[0] if self._awaited else None

    @property
    def quiet(self) -> bool:
        """Whether the server owes nothing and has said nothing on top."""
        return not self._awaited and not self._parser.buffered

    def issue(self, commands: Sequence[Command]) -> bytes:
        """The bytes of a group of commands; more than one only where the server offers PIPELINING."""
        if self._awaited:
            raise LocalProtocolError(f"Commands were issued while {self._awaited[0]} was unanswered.")
        self.check_nothing_buffered()
        return self._group(self.state, commands)

    def chunk(self, octets: bytes, *, last: bool, behind: Sequence[Command] = ()) -> bytes:
        """A chunk of the mail with its BDAT; `behind`, as for `whole_content`, only with the `last`."""
        if self.state not in {State.ENVELOPE, State.CHUNKS} or self._awaited:
            raise LocalProtocolError(f"A chunk cannot be sent in the state {self.state}.")
        if not self.extensions.chunking:
            raise LocalProtocolError("A chunk was to be sent to a server that does not offer CHUNKING.")
        if last:
            self._await_verdict()
        else:
            self._awaited.append(Verb.BDAT)
        following = self._group(_READY, behind) if behind else b""
        return b"".join((bdat(len(octets), last=last), octets, following))

    def whole_content(self, content: PreparedContent, behind: Sequence[Command] = ()) -> bytes:
        """The bytes of a whole mail with its end mark; the server then owes the answer.

        `behind`: the group of commands for the next mail, which may go in the same write (RFC 2920, section
        3.1).
        """
        self._check_content()
        self._await_verdict()
        return content.wire + self._group(_READY, behind) if behind else content.wire

    def content(self, chunk: bytes) -> bytes:
        """The bytes of a part of the mail, cut anywhere."""
        self._check_content()
        return self._encoder.feed(chunk)

    def end_content(self, behind: Sequence[Command] = ()) -> bytes:
        """The bytes that end the mail; the server then owes the answer. `behind` as for `whole_content`."""
        self._check_content()
        self._await_verdict()
        last, self._encoder = self._encoder.finish(), ContentEncoder()
        return last + self._group(_READY, behind) if behind else last

    def tls_started(self) -> None:
        """TLS took over: forget what was learnt in clear (RFC 3207, section 4.2).

        Raises `ProtocolViolation` if the server sent more than its consent before: somebody slipped it in.
        """
        if self.state is not State.TLS:
            raise LocalProtocolError("TLS began without the server's consent.")
        self.check_nothing_buffered()
        self.extensions = Extensions()
        self.state = State.GREETED

    def keep_to_itself(self, confidential: Confidential) -> None:
        """The server was told this: from now on what it says is given out without it."""
        self._parser.confidential = confidential

    def check_nothing_buffered(self) -> None:
        """Raises `ProtocolViolation` if bytes are left that answer nothing.

        They would be taken for the answer to what is sent next; before TLS, they are an attack
        (CVE-2021-39272).
        """
        if self._parser.buffered:
            self.close()
            raise ProtocolViolation("The server sent more than it was asked for.")

    def receive(self, data: bytes) -> None:
        """Take bytes of the server; `next_answer` tells what they mean."""
        self._parser.feed(data)

    def next_answer(self) -> Answer | None:
        """The next answer, or None: more bytes are needed, or nothing more is there."""
        if self.state is _TLS:
            return None
        try:
            reply = self._parser.next_reply()
            return None if reply is None else self._answer(reply)
        except ProtocolViolation:
            self.close()
            raise

    def _group(self, state: State, commands: Sequence[Command]) -> bytes:
        """The bytes of commands that are sent in `state` without waiting for the answers between them."""
        if (len(commands) > 1 or self._awaited) and not self.extensions.pipelining:
            raise LocalProtocolError(
                "Commands were issued together to a server that does not offer PIPELINING."
            )
        last = len(commands) - 1
        for position, (verb, _) in enumerate(commands):
            if state not in ALLOWED[verb]:
                raise LocalProtocolError(f"{verb} cannot be sent in the state {state}.")
            if position != last and verb not in GROUPABLE:
                raise LocalProtocolError(f"A command was issued behind {verb}, which has to be the last.")
            state = PRESUMED.get(verb, state)
        self._awaited.extend([verb for verb, _ in commands])
        return b"".join([line for _, line in commands])

    def _check_content(self) -> None:
        if self.state is not _CONTENT or self._awaited:
            raise LocalProtocolError(f"Content cannot be sent in the state {self.state}.")

    def _await_verdict(self) -> None:
        self._awaited.extend([_VERDICT] * (self._accepted if self.lmtp else 1))

    def _answer(self, reply: Reply) -> Answer:
        unasked = not self._awaited
        verb = self._topic(reply) if unasked else self._awaited.popleft()
        if verb is not None:
            self._follow(verb, reply)
        if unasked or reply.code == 421:
            self.close()
        if self._parser.confidential is not None and (verb is _VERDICT or reply.code >= 400):
            reply = self._without_confidences(reply)
        return Answer(verb, reply)

    def _topic(self, reply: Reply) -> Verb | None:
        """A refusal in the middle of the content answers the content; otherwise only 421 may come unasked."""
        if self.state in {State.CONTENT, State.CHUNKS} and reply.severity in REFUSAL:
            return Verb.CONTENT
        if reply.code == 421:
            return None
        raise ProtocolViolation(
            f"The server sent a reply to nothing: {self._without_confidences(reply).text}."
        )

    def _follow(self, verb: Verb, reply: Reply) -> None:
        severity = reply.code // 100
        if severity not in POSSIBLE[verb]:
            said = self._without_confidences(reply).text
            raise ProtocolViolation(f"The server is out of step: it answered {verb} with {said}.")
        if verb is _MAIL:
            self._accepted = 0
        elif verb is _RCPT:
            self._accepted += reply.positive
        elif verb in _HELLOS:
            extended = reply.positive and verb is not Verb.HELO
            self.extensions = Extensions.announced(reply) if extended else Extensions()
        self.state = NEXT.get((verb, severity), self.state)

    def _without_confidences(self, reply: Reply) -> Reply:
        confidential = self._parser.confidential
        return reply if confidential is None else confidential.without(reply)

    def close(self) -> None:
        """The connection is gone, or is given up."""
        self.state = _CLOSED
        self._awaited.clear()
