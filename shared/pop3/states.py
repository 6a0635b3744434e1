"""The states of a POP3 session (RFC 1939, section 3) and what is allowed in each: tables to read, one
function to ask.

A *barrier* changes what follows it, so it is sent only when nothing is outstanding, and nothing is sent
behind it until it was answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from shared.pop3.commands import Verb


class State(Enum):
    """Where the session is."""

    # Asked for with each command, as that of `Verb`.
    __hash__ = object.__hash__

    GREETING = auto()
    AUTHORIZATION = auto()
    EXCHANGE = auto()
    TRANSACTION = auto()
    CLOSED = auto()
    BROKEN = auto()


ALLOWED: Mapping[State, frozenset[Verb]] = MappingProxyType(
    {
        State.GREETING: frozenset(),
        State.AUTHORIZATION: frozenset(
            {
                *(Verb.CAPA, Verb.METHODS, Verb.STLS, Verb.UTF8, Verb.APOP),
                *(Verb.USER, Verb.PASS, Verb.AUTH, Verb.QUIT),
            }
        ),
        State.EXCHANGE: frozenset({Verb.RESPONSE}),
        State.TRANSACTION: frozenset(
            {
                *(Verb.CAPA, Verb.STAT, Verb.LIST, Verb.UIDL, Verb.RETR, Verb.TOP),
                *(Verb.DELE, Verb.NOOP, Verb.RSET, Verb.QUIT),
            }
        ),
        State.CLOSED: frozenset(),
        State.BROKEN: frozenset(),
    }
)

BARRIERS = frozenset({Verb.STLS, Verb.APOP, Verb.PASS, Verb.AUTH, Verb.RESPONSE, Verb.QUIT})

_AFTER_OK: Mapping[Verb, State] = MappingProxyType(
    dict.fromkeys((Verb.APOP, Verb.PASS, Verb.AUTH, Verb.RESPONSE), State.TRANSACTION)
)


def after_reply(state: State, verb: Verb, ok: bool) -> State:
    """The state after the server's final answer to `verb`.

    QUIT closes whatever the answer; a failed exchange leads back to authorization.
    """
    if verb is Verb.QUIT:
        return State.CLOSED
    if ok:
        return _AFTER_OK.get(verb, state)
    return State.AUTHORIZATION if state is State.EXCHANGE else state
