"""SMTP commands as bytes. Those with addresses are in `paths`."""

from __future__ import annotations

import base64
import re
from enum import StrEnum
from typing import NamedTuple

from shared.model.errors import quoted
from shared.smtp.errors import Unsendable

_DOMAIN = re.compile(r"[A-Za-z0-9._-]+|\[[!-Z^-~]+\]")


class Verb(StrEnum):
    """What the server can be expected to answer.

    GREETING and CONTENT are answered without being commands. CONTENT is also what the last BDAT is answered
    for; BDAT is one that is not the last.
    """

    GREETING = "greeting"
    EHLO = "EHLO"
    HELO = "HELO"
    LHLO = "LHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    XCLIENT = "XCLIENT"
    XFORWARD = "XFORWARD"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BDAT = "BDAT"
    CONTENT = "content"
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"


class Command(NamedTuple):
    """One command: its verb and its line, line end included. The line may hold a secret and is not shown."""

    verb: Verb
    line: bytes

    def __repr__(self) -> str:
        return f"Command({self.verb})"


DATA = Command(Verb.DATA, b"DATA\r\n")
RSET = Command(Verb.RSET, b"RSET\r\n")
NOOP = Command(Verb.NOOP, b"NOOP\r\n")
QUIT = Command(Verb.QUIT, b"QUIT\r\n")
STARTTLS = Command(Verb.STARTTLS, b"STARTTLS\r\n")
AUTH_CANCEL = Command(Verb.AUTH, b"*\r\n")


def ehlo(name: str) -> Command:
    """EHLO with our own name, a domain or an address literal (RFC 5321, section 4.1.1.1)."""
    return Command(Verb.EHLO, b"EHLO %b\r\n" % _domain(name))


def helo(name: str) -> Command:
    """HELO, for servers that do not know EHLO."""
    return Command(Verb.HELO, b"HELO %b\r\n" % _domain(name))


def lhlo(name: str) -> Command:
    """LHLO, which opens LMTP (RFC 2033, section 4.1)."""
    return Command(Verb.LHLO, b"LHLO %b\r\n" % _domain(name))


def bdat(octets: int, *, last: bool) -> bytes:
    """The line in front of a chunk (RFC 3030, section 2)."""
    return b"BDAT %d LAST\r\n" % octets if last else b"BDAT %d\r\n" % octets


def auth(mechanism: str, initial: bytes | None) -> Command:
    """AUTH, with the initial response if there is one; an empty one is written `=` (RFC 4954, section 4)."""
    line = b"AUTH " + mechanism.encode("ascii")
    if initial is not None:
        line += b" " + (base64.b64encode(initial) or b"=")
    return Command(Verb.AUTH, line + b"\r\n")


def auth_response(response: bytes) -> Command:
    """The answer to one challenge of the server."""
    return Command(Verb.AUTH, base64.b64encode(response) + b"\r\n")


def _domain(name: str) -> bytes:
    if _DOMAIN.fullmatch(name) is None:
        raise Unsendable(
            f"The name {quoted(name)} is neither a domain nor an address literal, as EHLO needs."
        )
    return name.encode("ascii")
