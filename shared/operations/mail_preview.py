"""What a mail says, as text alone, for somebody who has to decide about it. Pure, and safe with hostile mail.

No HTML is shown, nothing is loaded, and what cannot be decoded is replaced. Only the beginning of a mail is
looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message as Parsed

LONGEST_FIELD = 300
LONGEST_TEXT = 20_000
MOST_PARTS = 100
"""Parts of a mail that are looked through for its text."""
FIELDS = ("From", "To", "Cc", "Date", "Subject", "Message-ID", "Reply-To", "List-Id")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Control characters, and those that turn the direction of what follows. A line's end and a tab stay."""


@dataclass(frozen=True, slots=True)
class Preview:
    """`fields` are the header fields that tell what a mail is, as (name, value). `text` is its text; None
    where there is none, or only HTML. `is_cut`: the mail goes on.
    """

    fields: tuple[tuple[str, str], ...]
    text: str | None
    is_cut: bool

    @property
    def subject(self) -> str:
        """The subject; "" without one."""
        return dict(self.fields).get("Subject", "")


def preview(beginning: bytes, *, is_whole: bool) -> Preview:
    """Return what the beginning of a mail says; `is_whole`: it is all of the mail."""
    parsed = message_from_bytes(beginning)
    fields = [(name, header_text(parsed, name)) for name in FIELDS]
    text = _text(parsed)
    is_cut = not is_whole or (text is not None and len(text) > LONGEST_TEXT)
    return Preview(
        tuple((name, value) for name, value in fields if value),
        None if text is None else text[:LONGEST_TEXT],
        is_cut,
    )


def header_text(parsed: Parsed, name: str) -> str:
    """Return a header field, decoded (RFC 2047) and cut; "" where it is missing."""
    found = (str(value) for field, value in parsed.raw_items() if field.lower() == name.lower())
    raw = next(found, "").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return clean(" ".join(_decoded(raw[: 4 * LONGEST_FIELD]).split()))[:LONGEST_FIELD]


def clean(text: str) -> str:
    """Return text without characters that would hide or turn what stands beside it."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text.encode("utf-8", "replace").decode())


def _decoded(raw: str) -> str:
    try:
        parts = decode_header(raw)
    except (HeaderParseError, ValueError, UnicodeError):
        return raw
    return "".join(part if isinstance(part, str) else _as_text(part, charset) for part, charset in parts)


def _text(parsed: Parsed) -> str | None:
    """The first part that is plain text and no attachment."""
    for number, part in enumerate(parsed.walk()):
        if number >= MOST_PARTS:
            break
        if part.get_content_type() == "text/plain" and part.get_content_disposition() != "attachment":
            octets = part.get_payload(decode=True)
            if isinstance(octets, bytes):
                return clean(_as_text(octets, part.get_content_charset()).replace("\r\n", "\n"))
    return None


def _as_text(octets: bytes, charset: str | None) -> str:
    try:
        return octets.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return octets.decode("utf-8", "replace")
