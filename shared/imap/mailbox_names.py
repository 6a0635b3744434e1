"""Names of mailboxes on the wire: modified UTF-7 (RFC 3501, section 5.1.3), or UTF-8 where that is enabled
(RFC 6855).

A name from LIST goes back to the server as it came, not decoded and encoded again, which may differ.
"""

from __future__ import annotations

import base64
import binascii
import re

_PRINTABLE = re.compile(r"[\x20-\x7e]+|[^\x20-\x7e]+")
_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")


def encode_name(name: str, *, utf8: bool = False) -> bytes:
    """Return the name as the server expects it. Raises UnicodeEncodeError for a lone surrogate."""
    if utf8:
        return name.encode("utf-8")
    name.encode("utf-8")
    return b"".join(map(_encoded, _PRINTABLE.findall(name)))


def decode_name(raw: bytes, *, utf8: bool = False) -> str:
    """Return the name for people and for the ledger; INBOX in any case is `INBOX`.

    A name that is badly encoded is shown as it came, with octets outside of UTF-8 escaped.
    """
    if raw.upper() == b"INBOX":
        return "INBOX"
    as_it_came = raw.decode("utf-8", "backslashreplace")
    if utf8 or not raw.isascii():
        return as_it_came
    try:
        return _decoded(raw)
    except ValueError:
        return as_it_came


def _encoded(run: str) -> bytes:
    if run.isascii() and run.isprintable():
        return run.replace("&", "&-").encode("ascii")
    return b"&" + base64.b64encode(run.encode("utf-16-be"), b"+,").rstrip(b"=") + b"-"


def _decoded(raw: bytes) -> str:
    pieces: list[str] = []
    position = 0
    while (start := raw.find(b"&", position)) >= 0:
        shifted = _SHIFTED.match(raw, start)
        if shifted is None:
            raise ValueError("an & begins nothing")
        pieces += [raw[position:start].decode("ascii"), _unshifted(shifted[1])]
        position = shifted.end()
    return "".join([*pieces, raw[position:].decode("ascii")])


def _unshifted(encoded: bytes) -> str:
    if not encoded:
        return "&"
    try:
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), b"+,", validate=True).decode(
            "utf-16-be"
        )
    except binascii.Error as error:
        raise ValueError("this is no base64") from error
