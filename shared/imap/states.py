"""The states of an IMAP session (RFC 9051, section 3) and what is allowed in each: tables to read.

Three tables say what commands may be on their way together. `ALONE`: sent only when nothing is outstanding.
`LAST`: nothing is sent behind it until it was answered. `CHANGES`: not sent behind a SELECT or EXAMINE that
was not answered, as it would change what is selected then, whatever that is. What only reads may be sent
there if nothing was selected before: else a server that keeps the old mailbox would answer from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from shared.imap.commands import Verb


class State(Enum):
    """Where the session is."""

    # Asked for with each command, as that of `Verb`.
    __hash__ = object.__hash__

    GREETING = auto()
    NOT_AUTHENTICATED = auto()
    EXCHANGE = auto()
    AUTHENTICATED = auto()
    SELECTED = auto()
    IDLING = auto()
    CLOSED = auto()
    BROKEN = auto()


_ANYWHERE = frozenset({Verb.CAPABILITY, Verb.ID, Verb.NOOP, Verb.LOGOUT})
_OF_MAILBOXES = frozenset({Verb.LIST, Verb.STATUS, Verb.SELECT, Verb.EXAMINE, Verb.IDLE, Verb.NOTIFY})
CHANGES = frozenset({Verb.STORE, Verb.EXPUNGE, Verb.UID_EXPUNGE, Verb.COPY, Verb.MOVE})
OF_SELECTED = CHANGES | {Verb.FETCH, Verb.SEARCH, Verb.UNSELECT}
SELECTS = frozenset({Verb.SELECT, Verb.EXAMINE})

ALLOWED: Mapping[State, frozenset[Verb]] = MappingProxyType(
    {
        State.GREETING: frozenset(),
        State.NOT_AUTHENTICATED: _ANYWHERE | {Verb.STARTTLS, Verb.LOGIN, Verb.AUTHENTICATE},
        State.EXCHANGE: frozenset({Verb.RESPONSE}),
        State.AUTHENTICATED: _ANYWHERE | _OF_MAILBOXES | {Verb.ENABLE, Verb.COMPRESS},
        State.SELECTED: _ANYWHERE | _OF_MAILBOXES | OF_SELECTED | {Verb.COMPRESS},
        State.IDLING: frozenset({Verb.DONE}),
        State.CLOSED: frozenset(),
        State.BROKEN: frozenset(),
    }
)

LOGS_IN = frozenset({Verb.LOGIN, Verb.AUTHENTICATE})
ALONE = LOGS_IN | {Verb.STARTTLS, Verb.COMPRESS, Verb.IDLE, Verb.LOGOUT}
# Dovecot answers a SEARCH behind UID EXPUNGE from before it: the mail is still listed, its body is NIL.
LAST = ALONE | {Verb.ENABLE, Verb.EXPUNGE, Verb.UID_EXPUNGE, Verb.UNSELECT}
CONTINUES = frozenset({Verb.RESPONSE, Verb.DONE})
"""Continue a command that is outstanding, and have no tag."""


def after_reply(state: State, verb: Verb, ok: bool) -> State:
    """Return the state after the tagged answer to `verb`.

    A SELECT that fails leaves nothing selected; an exchange that fails leads back to where it began.
    """
    if verb is Verb.LOGOUT:
        return State.CLOSED
    if verb in SELECTS:
        return State.SELECTED if ok else State.AUTHENTICATED
    if ok and (verb in LOGS_IN or verb is Verb.UNSELECT):
        return State.AUTHENTICATED
    return State.NOT_AUTHENTICATED if state is State.EXCHANGE else state
