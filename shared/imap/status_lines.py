"""Lines with a status (OK, NO, BAD, PREAUTH, BYE), the response codes in them (RFC 9051, section 7.1), and
challenges.

The text is for people and never scanned; so a line with a status has no literals.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import StrEnum
from typing import NamedTuple

_LINE = re.compile(
    rb"(?P<tag>\*|[!-~]{1,64})[ ]+(?P<condition>OK|NO|BAD|PREAUTH|BYE)(?:[ ]+(?P<rest>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_CODE = re.compile(rb"\[(?P<name>[A-Za-z][A-Za-z0-9/_.-]{0,60})(?:[ ]+(?P<argument>[^\]]*))?\][ ]*")


class Condition(StrEnum):
    """What the server says about a command, or about itself."""

    OK = "OK"
    NO = "NO"
    BAD = "BAD"
    PREAUTH = "PREAUTH"
    BYE = "BYE"


class StatusLine(NamedTuple):
    """`tag` is `*` for an untagged one; `code` is in upper case without its brackets and argument, or "";
    `written_code` is it as it came."""

    tag: bytes
    condition: Condition
    code: str
    argument: bytes
    text: bytes
    written_code: bytes = b""


def parse_status_line(line: bytes) -> StatusLine | None:
    """Read a line with a status, without its line end; None if it is none. The text may be missing."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    text = (found["rest"] or b"").strip()
    code = _CODE.match(text)
    condition = Condition(found["condition"].decode("ascii").upper())
    if code is None:
        return StatusLine(found["tag"], condition, "", b"", text)
    name = code["name"].decode("ascii").upper()
    argument = (code["argument"] or b"").strip()
    return StatusLine(found["tag"], condition, name, argument, text[code.end() :], code["name"])


def parse_challenge(line: bytes) -> bytes:
    """Decode the challenge behind a `+`. Text that is not base64 counts as an empty challenge: some servers
    put a remark for people there.
    """
    try:
        return base64.b64decode(line[1:].strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
