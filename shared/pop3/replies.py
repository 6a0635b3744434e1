"""Status lines (RFC 1939, section 3), and the response codes in them (RFC 2449, section 8)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from shared.model.source_errors import CredentialsRefused, LoginTooSoon, MailboxLocked, SourceRefused
from shared.net.login.refusal import Refusals

REFUSALS = Refusals(
    codes={
        "IN-USE": MailboxLocked,
        "LOGIN-DELAY": LoginTooSoon,
        "AUTH": CredentialsRefused,
        "SYS/": SourceRefused,
    },
    permanent={"SYS/PERM"},
    busy={"SYS/TEMP"},
)
KNOWN_CODES = frozenset({*REFUSALS.codes, *REFUSALS.permanent, *REFUSALS.busy})
"""Response codes that mean something here (RFC 2449, section 8.1; RFC 3206)."""

_CODE = re.compile(rb"\[([A-Za-z][A-Za-z0-9/_.-]{0,60})[^\]]{0,60}\][ \t]*")

_IS_OK = re.compile(rb"\+OK(?![A-Za-z0-9])", re.IGNORECASE)
_IS_ERR = re.compile(rb"-ERR(?![A-Za-z0-9])", re.IGNORECASE)


class Status(NamedTuple):
    """A parsed status line."""

    ok: bool
    code: str
    text: bytes


def parse_status(line: bytes) -> Status | None:
    """Parse a status line without its line end; None if it is neither +OK nor -ERR.

    Case is ignored: RFC 1939 demands upper case, but some servers do not send it.
    """
    if _IS_OK.match(line):
        return Status(True, *_code_and_text(line[3:]))
    if _IS_ERR.match(line):
        return Status(False, *_code_and_text(line[4:]))
    return None


def parse_challenge(line: bytes) -> bytes | None:
    """Return the decoded challenge if the line is one ("+ " and base64; RFC 5034, section 4), else None.

    Text that is not base64 counts as an empty challenge: some servers send a remark for people there.
    """
    if line != b"+" and not line.startswith(b"+ "):
        return None
    try:
        return base64.b64decode(line[2:].strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _code_and_text(rest: bytes) -> tuple[str, bytes]:
    text = rest.strip()
    found = _CODE.match(text) if text.startswith(b"[") else None
    if found is None:
        return "", text
    return found[1].decode("ascii").upper(), text[found.end() :]
