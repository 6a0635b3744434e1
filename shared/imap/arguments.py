"""Arguments of commands: quoted where that can carry them, else as a literal (RFC 9051, section 4.3).

A value that contains CR, LF or NUL is refused here, at the only place where values become parts of commands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from shared.imap.capabilities import Capabilities
from shared.net.errors import Unsendable

MOST_UNASKED = 4_096  # octets of a literal that LITERAL- lets us send unasked: RFC 7888, section 4

_PRINTABLE = re.compile(rb"[\x20-\x7e]{0,1000}")
_SPECIAL = re.compile(rb'(["\\])')


class Literal(NamedTuple):
    """Octets that need a literal."""

    data: bytes


Part: TypeAlias = bytes | Literal


def text_argument(text: str, what: str) -> Part:
    """Return a user name, a password or other text, in UTF-8; `what` it is.

    Raises `Unsendable`.
    """
    try:
        return argument(text.encode("utf-8"), what)
    except UnicodeEncodeError:
        raise Unsendable(f"The {what} contains a character that UTF-8 cannot express.") from None


def argument(octets: bytes, what: str) -> Part:
    """Return octets as an argument: a quoted string if they are printable ASCII. Raises `Unsendable`."""
    if any(octet in octets for octet in (b"\r", b"\n", b"\0")):
        raise Unsendable(f"The {what} contains CR, LF or NUL and is not sent.")
    if _PRINTABLE.fullmatch(octets):
        return b'"%s"' % _SPECIAL.sub(rb"\\\1", octets)
    return Literal(octets)


def wire_pieces(tag: bytes, parts: Sequence[Part], capabilities: Capabilities | None) -> list[bytes]:
    """Return the command in the pieces in which it is sent: the server has to ask for each one but the first.

    A literal goes along unasked as far as the server announces that for this connection (RFC 7888).
    """
    pieces: list[bytes] = []
    current = tag + b" "
    for part in parts:
        if not isinstance(part, Literal):
            current += part
        elif capabilities is not None and capabilities.takes_unasked(len(part.data), MOST_UNASKED):
            current += b"{%d+}\r\n%s" % (len(part.data), part.data)
        else:
            pieces.append(current + b"{%d}\r\n" % len(part.data))
            current = part.data
    return [*pieces, current + b"\r\n"]
