"""The commands that a client sends, as values ready for the wire, and the states of a session in which they
are allowed (RFC 1939, section 3).

A value that contains CR, LF or NUL is refused here, the only place where values become commands.

A *barrier* is a command that changes what follows it. It is sent only when no answer is outstanding, and
nothing is sent after it before it was answered.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from types import MappingProxyType
from typing import NamedTuple

from shared.net.errors import Unsendable

MASK = "****"
ALL_LINES = 99_999_999
LONGEST_AUTH_LINE = 255  # octets with CRLF: RFC 5034, section 4, for AUTH with an initial response


class Verb(Enum):
    """The kind of a command. A response in an AUTH exchange, and an AUTH that asks for the methods, are kinds
    of their own.
    """

    # Each command is looked up in several sets, and Enum's own hash is a Python function.
    __hash__ = object.__hash__

    CAPA = auto()
    METHODS = auto()
    UTF8 = auto()
    APOP = auto()
    STLS = auto()
    USER = auto()
    PASS = auto()
    AUTH = auto()
    RESPONSE = auto()
    STAT = auto()
    LIST = auto()
    UIDL = auto()
    RETR = auto()
    TOP = auto()
    DELE = auto()
    NOOP = auto()
    QUIT = auto()


class State(Enum):
    """The state of a session."""

    # As for `Verb`.
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
                *(Verb.DELE, Verb.NOOP, Verb.QUIT),
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
    """Return the state after the server's final answer to `verb`.

    QUIT closes the session whatever the answer. A failed exchange leads back to authorization.
    """
    if verb is Verb.QUIT:
        return State.CLOSED
    if ok:
        return _AFTER_OK.get(verb, state)
    return State.AUTHORIZATION if state is State.EXCHANGE else state


class Command(NamedTuple):
    """One line to the server.

    `shown` is the command as a log may show it: without passwords and SASL responses. `multiline`: its +OK is
    followed by lines up to a lone dot. With `size`, those lines are so many octets, in which dots have no
    meaning. An answer whose text matches `answer_pattern` is recognised as the one to this command, even
    where an earlier command got none.
    """

    verb: Verb
    wire: bytes
    shown: str
    multiline: bool = False
    size: int | None = None
    answer_pattern: re.Pattern[bytes] | None = None

    def __repr__(self) -> str:
        """Leave out what goes over the wire, which may be a secret."""
        return f"Command({self.shown!r})"


CAPA = Command(Verb.CAPA, b"CAPA\r\n", "CAPA", multiline=True)
METHODS = Command(Verb.METHODS, b"AUTH\r\n", "AUTH", multiline=True)
UTF8 = Command(Verb.UTF8, b"UTF8\r\n", "UTF8")
STLS = Command(Verb.STLS, b"STLS\r\n", "STLS")
STAT = Command(Verb.STAT, b"STAT\r\n", "STAT")
LIST = Command(Verb.LIST, b"LIST\r\n", "LIST", multiline=True)
UIDL = Command(Verb.UIDL, b"UIDL\r\n", "UIDL", multiline=True)
LISTING = (STAT, LIST, UIDL)
"""The commands that list a mailbox."""
SYNC = Command(Verb.STAT, b"STAT\r\n", "STAT", answer_pattern=re.compile(rb"\s*-?\d+\s+-?\d+(?:\s|$)"))
"""STAT, whose answer cannot be that to a DELE, so that it shows which answers came (RFC 1939, section 5)."""
NOOP = Command(Verb.NOOP, b"NOOP\r\n", "NOOP")
QUIT = Command(Verb.QUIT, b"QUIT\r\n", "QUIT")


def user(name: str) -> Command:
    """USER; the name goes out in UTF-8. Raises `Unsendable`."""
    return Command(Verb.USER, _line("USER", name, "user name"), f"USER {name}")


def password(secret: str) -> Command:
    """PASS; spaces in the password are part of it (RFC 1939, section 7). Raises `Unsendable`."""
    return Command(Verb.PASS, _line("PASS", secret, "password"), f"PASS {MASK}")


def apop(name: str, digest: str) -> Command:
    """APOP (RFC 1939, section 7). Raises `Unsendable`, also for a name that is two words."""
    if " " in name or not name:
        raise Unsendable("The user name is empty or contains a blank, which APOP cannot carry.")
    return Command(Verb.APOP, _line("APOP", f"{name} {digest}", "user name"), f"APOP {name} {MASK}")


def auth(mechanism: str, initial: bytes | None = None) -> Command:
    """AUTH, with the initial response where there is one (RFC 5034, section 4). Raises `Unsendable`."""
    if initial is None:
        return Command(Verb.AUTH, _line("AUTH", mechanism, "name of the mechanism"), f"AUTH {mechanism}")
    encoded = base64.b64encode(initial).decode("ascii") or "="
    wire = _line("AUTH", f"{mechanism} {encoded}", "initial response")
    return Command(Verb.AUTH, wire, f"AUTH {mechanism} {MASK}")


def response(data: bytes) -> Command:
    """The answer to a challenge; as long as it needs to be (RFC 5034, section 4)."""
    return Command(Verb.RESPONSE, base64.b64encode(data) + b"\r\n", MASK)


def cancel() -> Command:
    """Cancel an AUTH exchange; the server answers -ERR."""
    return Command(Verb.RESPONSE, b"*\r\n", "*")


def retr(number: int, size: int | None = None) -> Command:
    """RETR of the mail `number`; with `size`, from a server that does not stuff dots."""
    return Command(Verb.RETR, b"RETR %d\r\n" % number, f"RETR {number}", multiline=True, size=size)


def top(number: int) -> Command:
    """TOP of the mail `number` with all its lines."""
    line = f"TOP {number} {ALL_LINES}"
    return Command(Verb.TOP, f"{line}\r\n".encode("ascii"), line, multiline=True)


def header(number: int) -> Command:
    """TOP of the mail `number` without any line of its body."""
    line = f"TOP {number} 0"
    return Command(Verb.TOP, f"{line}\r\n".encode("ascii"), line, multiline=True)


def uidl(number: int) -> Command:
    """UIDL of the mail `number` alone."""
    return Command(Verb.UIDL, b"UIDL %d\r\n" % number, f"UIDL {number}")


def recognised(command: Command, words: Sequence[str]) -> Command:
    """Return the command, whose positive answer is recognised by its first words."""
    expected = rb"\s+".join(re.escape(word.encode("latin-1", "replace")) for word in words)
    return command._replace(answer_pattern=re.compile(rb"\s*" + expected + rb"(?:\s|$)"))


def scan(number: int) -> Command:
    """LIST of the mail `number` alone."""
    return Command(Verb.LIST, b"LIST %d\r\n" % number, f"LIST {number}")


def dele(number: int) -> Command:
    """DELE of the mail `number`."""
    return Command(Verb.DELE, b"DELE %d\r\n" % number, f"DELE {number}")


def _line(verb: str, argument: str, what: str) -> bytes:
    if any(character in argument for character in "\r\n\0"):
        raise Unsendable(f"The {what} contains CR, LF or NUL and is not sent.")
    if not argument:
        raise Unsendable(f"The {what} is empty.")
    try:
        return f"{verb} {argument}\r\n".encode()
    except UnicodeEncodeError:
        raise Unsendable(f"The {what} contains a character that UTF-8 cannot express.") from None
