"""SMTP commands as bytes.

An address is sent as it is or not at all: nothing is repaired, quoted or cut. A value that cannot be written
raises `Unsendable`. CR, LF and NUL are refused in every value, so that no value can add a command.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from enum import StrEnum
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple

from shared.model.address import is_printable
from shared.model.errors import quoted
from shared.smtp.envelope import Dsn, ReportedClient
from shared.smtp.errors import Unsendable

# Octets: with verb, brackets and line end it fits the command line of RFC 5321, section 4.5.3.1.4.
MAX_PATH = 480
# Octets (RFC 3461, sections 4.2 and 4.4).
MAX_ORCPT = 500
MAX_ENVID = 100
# Octets of an XCLIENT or XFORWARD value (Postfix, XFORWARD_README).
MAX_CLIENT_VALUE = 255
UNAVAILABLE = b"[UNAVAILABLE]"

_HELO_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[!-Z^-~]+\]")
_DOT_STRING = r"[!#-'*+\-./0-9=?A-Z^-~{more}]+"  # the target judges misplaced dots
_QUOTED_STRING = r'"(?:[ !#-\[\]-~{more}]|\\[ -~])*"'
_DOMAIN = r"@(?:[A-Za-z0-9._{more}-]+|\[[!-Z^-~]+\])"
_FORM = f"(?:{_DOT_STRING}|{_QUOTED_STRING})(?:{_DOMAIN})?"
_ADDRESS = re.compile(_FORM.replace("{more}", ""))
_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")


class Verb(StrEnum):
    """What a reply of the server answers.

    GREETING and CONTENT are answered without being commands. The last BDAT is answered as CONTENT; BDAT is
    any other.
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
    QUIT = "QUIT"


_MAIL, _RCPT = Verb.MAIL, Verb.RCPT  # looked up once, as every mail needs them


class Command(NamedTuple):
    """One command: its verb and its line with line end. The line may hold a secret and is not shown."""

    verb: Verb
    line: bytes

    def __repr__(self) -> str:
        return f"Command({self.verb})"


class Parameters(NamedTuple):
    """Parameters of MAIL and RCPT; each only if the server offers the extension.

    `size` in octets is declared as SIZE (RFC 1870), `eight_bit` as BODY=8BITMIME (RFC 6152). With `smtputf8`
    (RFC 6531) addresses may go beyond ASCII.
    """

    size: int | None = None
    eight_bit: bool = False
    smtputf8: bool = False
    dsn: Dsn | None = None


PLAIN = Parameters()

DATA = Command(Verb.DATA, b"DATA\r\n")
RSET = Command(Verb.RSET, b"RSET\r\n")
QUIT = Command(Verb.QUIT, b"QUIT\r\n")
STARTTLS = Command(Verb.STARTTLS, b"STARTTLS\r\n")


def ehlo(name: str) -> Command:
    """EHLO with our own name, a domain or an address literal (RFC 5321, section 4.1.1.1)."""
    return Command(Verb.EHLO, b"EHLO %b\r\n" % _helo_name(name))


def helo(name: str) -> Command:
    """HELO, for servers that do not know EHLO."""
    return Command(Verb.HELO, b"HELO %b\r\n" % _helo_name(name))


def lhlo(name: str) -> Command:
    """LHLO, which opens LMTP (RFC 2033, section 4.1)."""
    return Command(Verb.LHLO, b"LHLO %b\r\n" % _helo_name(name))


def auth(mechanism: str, initial: bytes | None) -> Command:
    """AUTH, with the initial response if there is one; an empty one is written `=` (RFC 4954, section 4)."""
    line = b"AUTH " + mechanism.encode("ascii")
    if initial is not None:
        line += b" " + (base64.b64encode(initial) or b"=")
    return Command(Verb.AUTH, line + b"\r\n")


def auth_response(response: bytes) -> Command:
    """The response to one challenge of the server."""
    return Command(Verb.AUTH, base64.b64encode(response) + b"\r\n")


def client_report(client: ReportedClient, attributes: Collection[str]) -> Command:
    """Postfix' XCLIENT or XFORWARD, with those of the `attributes` (in upper case) that the server offers.

    XFORWARD is for the target's log and filters. With XCLIENT the target judges the mail as if that client
    had connected to it. An unknown value is reported as unavailable, so that no value of an earlier mail
    remains.
    """
    values = {
        "NAME": _client_text(client.name),
        "ADDR": _client_address(client.address),
        "HELO": _client_text(client.helo),
    }
    words = [b"%b=%b" % (key.encode(), value) for key, value in values.items() if key in attributes]
    return Command(Verb(client.by), b" ".join([client.by.encode(), *words]) + b"\r\n")


def mail_from(reverse_path: str, parameters: Parameters = PLAIN) -> Command:
    """MAIL (RFC 5321, section 4.1.1.2); the empty reverse-path is the null sender."""
    line = b"MAIL FROM:<%b>" % (_path(reverse_path, parameters) if reverse_path else b"")
    if parameters.size is not None:
        line += b" SIZE=%d" % parameters.size
    if parameters.eight_bit:
        line += b" BODY=8BITMIME"
    if parameters.smtputf8:
        line += b" SMTPUTF8"
    if parameters.dsn is not None:
        line += _notification_parameters(parameters.dsn)
    return Command(_MAIL, line + b"\r\n")


def rcpt_to(recipient: str, parameters: Parameters = PLAIN) -> Command:
    """RCPT (RFC 5321, section 4.1.1.3)."""
    line = b"RCPT TO:<%b>" % _path(recipient, parameters)
    if parameters.dsn is not None:
        line += b" NOTIFY=" + ",".join(parameters.dsn.notify).upper().encode("ascii")
        line += _original_recipient(parameters.dsn.originals.get(recipient, ""))
    return Command(_RCPT, line + b"\r\n")


def bdat(octets: int, *, last: bool) -> bytes:
    """The line in front of a chunk (RFC 3030, section 2)."""
    return b"BDAT %d LAST\r\n" % octets if last else b"BDAT %d\r\n" % octets


def xtext(value: bytes) -> bytes:
    """A value in the form that parameters have (RFC 3461, section 4)."""
    return _NOT_XTEXT.sub(lambda octet: b"+%02X" % octet[0][0], value)


def _helo_name(name: str) -> bytes:
    if _HELO_NAME.fullmatch(name) is None:
        raise Unsendable(
            f"The name {quoted(name)} is neither a domain nor an address literal, as EHLO needs."
        )
    return name.encode("ascii")


def _client_text(value: str) -> bytes:
    written = xtext(value.encode("ascii", "replace"))
    return written if 0 < len(written) <= MAX_CLIENT_VALUE else UNAVAILABLE


def _client_address(value: str) -> bytes:
    try:
        address = ip_address(value)
    except ValueError:
        return UNAVAILABLE
    return (b"IPV6:" if address.version == 6 else b"") + str(address).encode()


def _notification_parameters(dsn: Dsn) -> bytes:
    envelope_id = xtext(dsn.envelope_id.encode("ascii", "replace"))
    identified = b" ENVID=" + envelope_id if 0 < len(envelope_id) <= MAX_ENVID else b""
    return (b" RET=FULL" if dsn.full else b" RET=HDRS") + identified


def _original_recipient(address: str) -> bytes:
    """ORCPT; left out for an address beyond ASCII, as few servers know its form (RFC 6533)."""
    written = b"rfc822;" + xtext(address.encode("ascii", "replace"))
    return b" ORCPT=" + written if address and address.isascii() and len(written) <= MAX_ORCPT else b""


@cache
def _international_address() -> re.Pattern[str]:
    """The pattern for addresses beyond ASCII, compiled on first use: a range this wide takes 0.02 s."""
    return re.compile(_FORM.replace("{more}", r"\u0080-\U0010ffff"))


def _path(address: str, parameters: Parameters) -> bytes:
    form = _ADDRESS
    if not address.isascii():
        if not parameters.smtputf8:
            raise Unsendable(
                f"The address {quoted(address)} needs SMTPUTF8, which the target does not offer.", "5.6.7"
            )
        form = _international_address()
    if form.fullmatch(address) is None or not is_printable(address):
        raise Unsendable(f"The address {quoted(address)} cannot be written in an SMTP command.")
    path = address.encode("utf-8")
    if len(path) > MAX_PATH:
        raise Unsendable(f"The address {quoted(address)} has more than {MAX_PATH} octets.")
    return path
