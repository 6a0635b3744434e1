"""The header field in which delivered mail names its source folder.

It is always a valid field (RFC 5322, section 2.2), whatever the folder is called: printable ASCII, and
encoded words (RFC 2047) where the name is something else or would not fit on one line.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

LONGEST_FIELD_NAME = 50
"""So that a line has room for the field's name and at least one encoded word."""
LONGEST_LINE = 76
"""RFC 2047, section 2, for lines with encoded words."""
LONGEST_FOLDER = 1000
"""Characters. Servers have far shorter limits. Postfix cuts a header of more than 100 KiB."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_BEGIN, _END = "=?utf-8?b?", "?="
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of surrogate pairs, and separators of lines and paragraphs."""

TAKEN = frozenset(
    {
        "return-path",
        "received",
        "date",
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "message-id",
        "in-reply-to",
        "references",
        "subject",
        "comments",
        "keywords",
        "delivered-to",
        "x-original-to",
        "envelope-to",
        "x-envelope-to",
        "x-rcpt-to",
        "x-deliver-to",
        "apparently-to",
        "x-envelope-from",
        "mime-version",
        "auto-submitted",
        "precedence",
        "importance",
        "priority",
        "x-priority",
        "sensitivity",
        "disposition-notification-to",
        "received-spf",
        "authentication-results",
        "x-mailbox-line",
        "x-loop",
        "errors-to",
    }
)
TAKEN_BEGINNINGS = ("resent-", "content-", "list-", "dkim-", "domainkey-", "arc-", "x-mailferry-")
"""Fields by which mail is delivered, shown, recognised or trusted. They must not be replaced."""


class UnusableFieldName(ValueError):
    """The operator's name for the field cannot be used. The message says why."""


def folder_field_name(name: str) -> str:
    """Return the name if the field may be called so. Raises `UnusableFieldName`."""
    if not _NAME.fullmatch(name) or len(name) > LONGEST_FIELD_NAME:
        raise UnusableFieldName(
            'expected the name of a header field such as "X-Source-Folder": letters, digits and hyphens, '
            f"at most {LONGEST_FIELD_NAME}"
        )
    if name.lower() in TAKEN or name.lower().startswith(TAKEN_BEGINNINGS):
        raise UnusableFieldName(
            f'"{name}" has a meaning of its own in mail; choose another name, such as "X-Source-Folder"'
        )
    return name


@lru_cache(maxsize=1024)
def folder_field(name: str, folder: str) -> bytes:
    """Return the field called `name` with the folder's name as its value, and the line end.

    Control characters become `?`. Cached: a folder has many mails.
    """
    shown = "".join("?" if unicodedata.category(sign) in _CONTROLS else sign for sign in folder)
    value = shown[:LONGEST_FOLDER] or "?"
    if len(name) + 2 + len(value) > LONGEST_LINE or not _PLAIN.fullmatch(value) or "=?" in value:
        value = "\r\n ".join(_encoded_words(value, LONGEST_LINE - len(name) - 2))
    return f"{name}: {value}\r\n".encode("ascii")


def _encoded_words(text: str, room: int) -> Iterator[str]:
    """Yield encoded words of whole characters; `room`: characters on the first line."""
    word = b""
    for sign in text:
        octets = sign.encode("utf-8")
        if word and len(word) + len(octets) > _octets_in(room):
            yield _word(word)
            word, room = b"", LONGEST_LINE - 1
        word += octets
    yield _word(word)


def _octets_in(room: int) -> int:
    """Return how many octets an encoded word of at most `room` characters holds."""
    return (room - len(_BEGIN) - len(_END)) // 4 * 3


def _word(octets: bytes) -> str:
    return f"{_BEGIN}{base64.b64encode(octets).decode('ascii')}{_END}"
