"""MAIL and RCPT with their parameters, and the refusal of addresses that cannot be written in them.

An address is sent as it is or not at all: nothing is repaired, quoted or cut. What is refused raises
`Unsendable`. CR, LF and NUL are refused in every value, so that no value can add a command of its own.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from shared.model.address import is_printable
from shared.model.errors import quoted
from shared.smtp.commands import Command, Verb
from shared.smtp.dsn import Dsn
from shared.smtp.errors import Unsendable

# Octets: with verb, brackets and line end it fits the command line of RFC 5321, section 4.5.3.1.4.
MAX_PATH = 480
# Octets (RFC 3461, sections 4.2 and 4.4).
MAX_ORCPT = 500
MAX_ENVID = 100

_DOT_STRING = r"[!#-'*+\-./0-9=?A-Z^-~{more}]+"  # misplaced dots are the target's affair
_QUOTED_STRING = r'"(?:[ !#-\[\]-~{more}]|\\[ -~])*"'
_DOMAIN = r"@(?:[A-Za-z0-9._{more}-]+|\[[!-Z^-~]+\])"
_FORM = f"(?:{_DOT_STRING}|{_QUOTED_STRING})(?:{_DOMAIN})?"
_ADDRESS = re.compile(_FORM.replace("{more}", ""))
_MAIL, _RCPT = Verb.MAIL, Verb.RCPT  # looked up once, as every mail needs them
_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")


class Parameters(NamedTuple):
    """What is said besides the addresses; each only where the server offers the extension.

    `size` in octets is declared as SIZE (RFC 1870), `eight_bit` as BODY=8BITMIME (RFC 6152); with `smtputf8`
    (RFC 6531) addresses may go beyond ASCII.
    """

    size: int | None = None
    eight_bit: bool = False
    smtputf8: bool = False
    dsn: Dsn | None = None


PLAIN = Parameters()


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
        line += _notification_wishes(parameters.dsn)
    return Command(_MAIL, line + b"\r\n")


def rcpt_to(recipient: str, parameters: Parameters = PLAIN) -> Command:
    """RCPT (RFC 5321, section 4.1.1.3)."""
    line = b"RCPT TO:<%b>" % _path(recipient, parameters)
    if parameters.dsn is not None:
        line += b" NOTIFY=" + ",".join(parameters.dsn.notify).upper().encode("ascii")
        line += _original(parameters.dsn.originals.get(recipient, ""))
    return Command(_RCPT, line + b"\r\n")


def xtext(value: bytes) -> bytes:
    """A value as parameters carry it (RFC 3461, section 4)."""
    return _NOT_XTEXT.sub(lambda octet: b"+%02X" % octet[0][0], value)


def _notification_wishes(dsn: Dsn) -> bytes:
    envelope_id = xtext(dsn.envelope_id.encode("ascii", "replace"))
    identified = b" ENVID=" + envelope_id if 0 < len(envelope_id) <= MAX_ENVID else b""
    return (b" RET=FULL" if dsn.full else b" RET=HDRS") + identified


def _original(address: str) -> bytes:
    """An original recipient beyond ASCII is left out: few servers know its form (RFC 6533)."""
    written = b"rfc822;" + xtext(address.encode("ascii", "replace"))
    return b" ORCPT=" + written if address and address.isascii() and len(written) <= MAX_ORCPT else b""


@cache
def _international() -> re.Pattern[str]:
    """Made when the first such address comes: a range this wide takes 0.02 s, and few have use for it."""
    return re.compile(_FORM.replace("{more}", r"\u0080-\U0010ffff"))


def _path(address: str, parameters: Parameters) -> bytes:
    form = _ADDRESS
    if not address.isascii():
        if not parameters.smtputf8:
            raise Unsendable(
                f"The address {quoted(address)} needs SMTPUTF8, which the target does not offer.", "5.6.7"
            )
        form = _international()
    if form.fullmatch(address) is None or not is_printable(address):
        raise Unsendable(f"The address {quoted(address)} cannot be written in an SMTP command.")
    path = address.encode("utf-8")
    if len(path) > MAX_PATH:
        raise Unsendable(f"The address {quoted(address)} has more than {MAX_PATH} octets.")
    return path
