"""What may be said when on an SMTP connection, as tables (RFC 5321, sections 3.3 and 4.1.4; RFC 2920)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from shared.smtp.commands import Verb


class State(StrEnum):
    """Where the conversation is, as far as the server has answered."""

    CONNECTED = "connected"
    GREETED = "greeted"
    TLS = "tls"
    READY = "ready"
    AUTHENTICATING = "authenticating"
    ENVELOPE = "envelope"
    CONTENT = "content"
    CHUNKS = "chunks"
    CLOSED = "closed"


# The states in which a command may be sent. CONTENT takes none: there, every octet is part of the mail. BDAT
# is not listed, since it comes with its chunk.
ALLOWED: Mapping[Verb, frozenset[State]] = MappingProxyType(
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
        Verb.NOOP: frozenset({State.GREETED, State.READY, State.ENVELOPE}),
        Verb.QUIT: frozenset({State.GREETED, State.READY, State.ENVELOPE, State.CHUNKS}),
    }
)

# The commands behind which more may follow in one group before their reply is seen.
GROUPABLE = frozenset({Verb.MAIL, Verb.RCPT, Verb.RSET, Verb.XFORWARD})

# Where a command leads if the server agrees; what a group further down may build on.
PRESUMED: Mapping[Verb, State] = MappingProxyType({Verb.MAIL: State.ENVELOPE, Verb.RSET: State.READY})

# Where a reply leads, by the verb it answers and its first digit. What is missing changes nothing.
NEXT: Mapping[tuple[Verb, int], State] = MappingProxyType(
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

REFUSAL = frozenset({4, 5})

# The first digits that a reply may have: refusals and the plain consent, except where consent is of another
# kind. Anything else is out of step.
POSSIBLE: Mapping[Verb, frozenset[int]] = MappingProxyType(
    {verb: REFUSAL | {2} for verb in Verb} | {Verb.DATA: REFUSAL | {3}, Verb.AUTH: REFUSAL | {2, 3}}
)
