"""The commands that a client sends, as values; the connection adds the tag.

`shown` is the command as a log may show it: without passwords, without SASL responses. Commands about mails
are in `mail_commands`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import NamedTuple

from shared.imap.arguments import Part, argument, text_argument
from shared.imap.uid_set import UidSet
from shared.model.errors import quoted
from shared.net.errors import Unsendable

MASK = "****"
LONGEST_INITIAL_RESPONSE = 8_000
"""Octets in base64; servers refuse longer command lines (RFC 7162, section 4). What is longer goes on a line
of its own, as the answer to an empty challenge.
"""

_MECHANISM = re.compile(r"[A-Z0-9_-]{1,40}", re.IGNORECASE)
_STATUS_ITEMS = b"(MESSAGES UIDNEXT UIDVALIDITY)"


class Verb(Enum):
    """What is asked for. The commands about mails are those by UID, but for EXPUNGE, which has both forms; a
    response in an AUTHENTICATE exchange and the DONE that ends IDLE count as verbs of their own.
    """

    # Each command is looked up in several sets; Enum's own hash is a call of Python.
    __hash__ = object.__hash__

    CAPABILITY = auto()
    ID = auto()
    ENABLE = auto()
    STARTTLS = auto()
    LOGIN = auto()
    AUTHENTICATE = auto()
    RESPONSE = auto()
    COMPRESS = auto()
    LIST = auto()
    STATUS = auto()
    SELECT = auto()
    EXAMINE = auto()
    UNSELECT = auto()
    SEARCH = auto()
    FETCH = auto()
    STORE = auto()
    EXPUNGE = auto()
    UID_EXPUNGE = auto()
    COPY = auto()
    MOVE = auto()
    NOOP = auto()
    IDLE = auto()
    NOTIFY = auto()
    DONE = auto()
    LOGOUT = auto()


class Command(NamedTuple):
    """One command.

    `uids` are the mails that it is about. `items` are the items that FETCH asks for, as the answer names
    them; `section` is that of the body among them ("" for the whole mail, "HEADER"), and `origin` the first
    octet where a part of it is asked for. `returns_tag`: a SEARCH whose answer says whose it is (RFC 4731).
    `needs_response`: an AUTHENTICATE that is not complete without a response of ours.
    """

    verb: Verb
    parts: tuple[Part, ...]
    shown: str
    uids: UidSet | None = None
    items: frozenset[str] = frozenset()
    section: str | None = None
    origin: int | None = None
    returns_tag: bool = False
    needs_response: bool = False

    def __repr__(self) -> str:
        """Without what goes over the wire, which may be a secret."""
        return f"Command({self.shown!r})"


def _plain(verb: Verb, line: str) -> Command:
    return Command(verb, (line.encode("ascii"),), line)


CAPABILITY = _plain(Verb.CAPABILITY, "CAPABILITY")
ENABLE_UTF8 = _plain(Verb.ENABLE, "ENABLE UTF8=ACCEPT")
ENABLE_UIDONLY = _plain(Verb.ENABLE, "ENABLE UIDONLY")
ENABLE_BOTH = _plain(Verb.ENABLE, "ENABLE UTF8=ACCEPT UIDONLY")
STARTTLS = _plain(Verb.STARTTLS, "STARTTLS")
COMPRESS = _plain(Verb.COMPRESS, "COMPRESS DEFLATE")
UNSELECT = _plain(Verb.UNSELECT, "UNSELECT")
EXPUNGE = _plain(Verb.EXPUNGE, "EXPUNGE")
NOOP = _plain(Verb.NOOP, "NOOP")
IDLE = _plain(Verb.IDLE, "IDLE")
DONE = _plain(Verb.DONE, "DONE")
NOTIFY_NONE = _plain(Verb.NOTIFY, "NOTIFY NONE")
LOGOUT = _plain(Verb.LOGOUT, "LOGOUT")
CANCEL = Command(Verb.RESPONSE, (b"*",), "*")
"""Breaks an AUTHENTICATE exchange off; the server answers BAD."""


def identify(fields: Mapping[str, str]) -> Command:
    """ID (RFC 2971), never empty: some servers refuse SELECT to clients without a name.

    Raises `Unsendable`.
    """
    if not fields:
        raise Unsendable(
            "ID has no fields: not every server lets in a client that tells nothing about itself."
        )
    parts: list[Part] = [b"ID ("]
    for name, value in fields.items():
        parts += [b"" if len(parts) == 1 else b" ", text_argument(name, "name of a field of ID"), b" "]
        parts.append(text_argument(value, "value of a field of ID"))
    return Command(Verb.ID, (*parts, b")"), "ID")


def login(username: str, password: str) -> Command:
    """LOGIN. Raises `Unsendable`."""
    name, secret = text_argument(username, "user name"), text_argument(password, "password")
    return Command(Verb.LOGIN, (b"LOGIN ", name, b" ", secret), f"LOGIN {username} {MASK}")


def authenticate(mechanism: str, initial: bytes | None = None) -> Command:
    """AUTHENTICATE, with the initial response where there is one (RFC 4959). Raises `Unsendable`."""
    if not _MECHANISM.fullmatch(mechanism):
        raise Unsendable(f"{quoted(mechanism)} is no name of a mechanism.")
    line = f"AUTHENTICATE {mechanism}"
    if initial is None:
        return _plain(Verb.AUTHENTICATE, line)._replace(needs_response=True)
    encoded = base64.b64encode(initial) or b"="
    if len(encoded) > LONGEST_INITIAL_RESPONSE:
        raise Unsendable(f"The initial response of {mechanism} is too long for the line of AUTHENTICATE.")
    return Command(Verb.AUTHENTICATE, (line.encode("ascii"), b" ", encoded), f"{line} {MASK}")


def fits_initial_response(initial: bytes) -> bool:
    """Return whether the initial response may stand in the line of AUTHENTICATE."""
    return -(-len(initial) // 3) * 4 <= LONGEST_INITIAL_RESPONSE


def response(data: bytes) -> Command:
    """The answer to a challenge; as long as it needs to be."""
    return Command(Verb.RESPONSE, (base64.b64encode(data),), MASK)


def select(name: bytes) -> Command:
    """SELECT of the mailbox with this name, as on the wire. Raises `Unsendable`."""
    return _about_mailbox(Verb.SELECT, name)


def examine(name: bytes) -> Command:
    """EXAMINE: as SELECT, but nothing is changed there. Raises `Unsendable`."""
    return _about_mailbox(Verb.EXAMINE, name)


def status(name: bytes) -> Command:
    """STATUS with the number of mails, UIDNEXT and UIDVALIDITY. Raises `Unsendable`."""
    command = _about_mailbox(Verb.STATUS, name)
    return command._replace(parts=(*command.parts, b" " + _STATUS_ITEMS))


def list_mailboxes(patterns: Iterable[bytes], *, with_status: bool, special_use: bool) -> Command:
    """LIST of the mailboxes that match (RFC 5258 where there are several patterns, or something is returned).

    `with_status` asks for each mailbox's STATUS (RFC 5819), `special_use` for its use (RFC 6154); only where
    the server announces them. Raises `Unsendable`.
    """
    arguments = [argument(pattern, "pattern of mailboxes") for pattern in patterns]
    if not arguments:
        raise Unsendable("There is no pattern of mailboxes to list.")
    parts: list[Part] = [b'LIST "" ', *([b"("] if len(arguments) > 1 else []), arguments[0]]
    for each in arguments[1:]:
        parts += [b" ", each]
    parts += [b")"] if len(arguments) > 1 else []
    returned = [b"SPECIAL-USE"] * special_use + [b"STATUS " + _STATUS_ITEMS] * with_status
    if returned:
        parts.append(b" RETURN (%s)" % b" ".join(returned))
    return Command(Verb.LIST, tuple(parts), "LIST")


def notify(names: Iterable[bytes]) -> Command:
    """NOTIFY (RFC 5465): tell when mails come or go in the selected mailbox and in those with these names,
    and first the status of the latter. Raises `Unsendable`.
    """
    parts: list[Part] = [b"NOTIFY SET STATUS (SELECTED (MessageNew MessageExpunge)) (MAILBOXES ("]
    for number, name in enumerate(names):
        parts += [b" "] * bool(number) + [argument(name, "name of the mailbox")]
    return Command(Verb.NOTIFY, (*parts, b") (MessageNew MessageExpunge))"), "NOTIFY SET")


def _about_mailbox(verb: Verb, name: bytes) -> Command:
    if not name:
        raise Unsendable("The name of the mailbox is empty.")
    parts = (verb.name.encode("ascii") + b" ", argument(name, "name of the mailbox"))
    return Command(verb, parts, f"{verb.name} {quoted(name)}")
