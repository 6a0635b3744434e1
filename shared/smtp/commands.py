"""SMTP commands as bytes, and the refusal of values that no command can carry.

An address is sent as it is or not at all: nothing is repaired, quoted or cut. What is refused raises
`Unsendable`. CR, LF and NUL are refused in every value, so that no value can add a command of its own.
"""

from __future__ import annotations

import base64
import re
from enum import StrEnum
from typing import NamedTuple

from shared.model.errors import quoted
from shared.smtp.errors import Unsendable

# Octets: with verb, brackets and line end it fits the command line of RFC 5321, section 4.5.3.1.4.
MAX_PATH = 480

_ADDRESS = re.compile(
    r"""(?: [!#-'*+\-./0-9=?A-Z^-~]+              # dot-string; misplaced dots are the target's affair
          | "(?: [\ !#-\[\]-~] | \\[\ -~] )*"     # quoted string
        )
        (?: @ (?: [A-Za-z0-9._-]+ | \[[!-Z^-~]+\] ) )?""",
    re.VERBOSE,
)
_DOMAIN = re.compile(r"[A-Za-z0-9._-]+|\[[!-Z^-~]+\]")


class Verb(StrEnum):
    """What the server can be expected to answer; GREETING and CONTENT are answered without being commands."""

    GREETING = "greeting"
    EHLO = "EHLO"
    HELO = "HELO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
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


def auth(mechanism: str, initial: bytes | None) -> Command:
    """AUTH, with the initial response if there is one; an empty one is written `=` (RFC 4954, section 4)."""
    line = b"AUTH " + mechanism.encode("ascii")
    if initial is not None:
        line += b" " + (base64.b64encode(initial) or b"=")
    return Command(Verb.AUTH, line + b"\r\n")


def auth_response(response: bytes) -> Command:
    """The answer to one challenge of the server."""
    return Command(Verb.AUTH, base64.b64encode(response) + b"\r\n")


def mail_from(reverse_path: str, *, size: int | None = None, eight_bit: bool = False) -> Command:
    """MAIL (RFC 5321, section 4.1.1.2); the empty reverse-path is the null sender.

    `size` in octets is declared as SIZE (RFC 1870), `eight_bit` as BODY=8BITMIME (RFC 6152); give them only
    if the server offers the extension.
    """
    path = _path(reverse_path) if reverse_path else b""
    parameters = b"" if size is None else b" SIZE=%d" % size
    if eight_bit:
        parameters += b" BODY=8BITMIME"
    return Command(Verb.MAIL, b"MAIL FROM:<%b>%b\r\n" % (path, parameters))


def rcpt_to(recipient: str) -> Command:
    """RCPT (RFC 5321, section 4.1.1.3)."""
    return Command(Verb.RCPT, b"RCPT TO:<%b>\r\n" % _path(recipient))


def _path(address: str) -> bytes:
    if _ADDRESS.fullmatch(address) is None:
        raise Unsendable(f"The address {quoted(address)} cannot be written in an SMTP command.")
    if len(address) > MAX_PATH:
        raise Unsendable(f"The address {quoted(address)} has more than {MAX_PATH} octets.")
    return address.encode("ascii")


def _domain(name: str) -> bytes:
    if _DOMAIN.fullmatch(name) is None:
        raise Unsendable(
            f"The name {quoted(name)} is neither a domain nor an address literal, as EHLO needs."
        )
    return name.encode("ascii")
