"""A header field in which an account's provider notes the recipient, as the operator writes it.

    X-Original-To               the topmost that names anybody but the collecting mailbox itself
    Delivered-To:2              the second from the top, and no other
    X-Recipient: acct-* <*>     only the part of the value that the pattern takes (`header_pattern`)
    Received:for                the `for` clause of the provider's Received lines (RFC 5321 section 4.4)

Position and pattern can be combined: `Delivered-To:2: mbox-*`, `Received:1:for`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.model.header_pattern import HeaderPattern, parse_header_pattern

LAST_POSITION = 1000
RECEIVED = "received"
_NAME = re.compile(r"[!-9;-~]{1,76}")
_POSITION = re.compile(r"[ \t]*([0-9]+)[ \t]*(?=:|$)")
_FOR = re.compile(r"[ \t]*for[ \t]*", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t]*")


class UnusableField(ValueError):
    """The notation is not understood. The message says why."""


@dataclass(frozen=True, slots=True)
class RecipientField:
    """A field as it was `written`. `key` is its name in lower case.

    `position` counts from 1, the topmost; 0 where it does not matter. With `clause`, the `for` clause of
    Received lines is meant; with `capture`, part of the value.
    """

    written: str
    key: str
    position: int = 0
    clause: bool = False
    capture: HeaderPattern | None = None

    @property
    def name(self) -> str:
        """The field's name as it was written."""
        return self.written.partition(":")[0].strip()

    def __str__(self) -> str:
        return self.written


def parse_recipient_field(text: str) -> RecipientField:
    """Parse a field. Raises `UnusableField` and `UnusablePattern`."""
    name = _NAME.match(text)
    if name is None or text[name.end() :].lstrip(" \t")[:1] not in ("", ":"):
        raise UnusableField("it begins with no name of a header field")
    key = name[0].lower()
    at = text.find(":")
    position = _POSITION.match(text, at + 1) if at >= 0 else None
    if position is not None:
        if not 1 <= int(position[1][:9]) <= LAST_POSITION:
            raise UnusableField(f"positions count from 1, the topmost field, to {LAST_POSITION}")
        at = position.end() if position.end() < len(text) else -1
    number = int(position[1]) if position else 0
    rest = text[at + 1 :] if at >= 0 else ""
    if key == RECEIVED and _FOR.fullmatch(rest):
        return RecipientField(text, key, number, clause=True)
    if at >= 0 and not rest.strip():
        raise UnusableField("nothing follows the last colon")
    if rest:
        blanks = _BLANKS.match(rest)
        start = at + 1 + (blanks.end() if blanks else 0)
        return RecipientField(
            text, key, number, capture=parse_header_pattern(text[start:].rstrip(" \t"), start)
        )
    if key == RECEIVED:
        raise UnusableField('Received says more than for whom a mail came; write "Received:for" or a pattern')
    return RecipientField(text, key, number)
