"""Mails with a tag of their own, by which they are recognised at the target."""

from __future__ import annotations

import re
from dataclasses import dataclass

TRACE_HEADER = re.compile(rb"\AX-Mailferry-ID: (\S+)\r?\nReceived: from [^\r\n]*(?:\r?\n\t[^\r\n]*)*\r?\n")
TAG = re.compile(rb"^X-Tag: (\S+)", re.MULTILINE)

BODIES = (
    b"Plain text.\r\n",
    b".\r\n..\r\n. begins with a dot\r\n",
    b"",
    b"Gr\xfc\xdfe in Latin-1, and \xe2\x82\xac in UTF-8\r\n",
    b"x" * 990 + b"\r\n" + b"\t \r\n\r\n\r\n",
    b"From somebody: a line that some would quote\r\n",
)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A mail as it is at its source, with CRLF."""

    tag: str
    raw: bytes


def tagged(tag: str, number: int = 0, *, to: str = "bob@corp.example", body: bytes | None = None) -> Tagged:
    """Make a mail with `to` in X-Original-To. Without `body`, the text varies with `number`."""
    lines = (
        f"X-Original-To: {to}",
        f"Message-ID: <{tag}@tags.example>",
        "From: Sender <sender@elsewhere.example>",
        f"To: {to}",
        "Date: Mon, 02 Mar 2026 09:30:00 +0100",
        f"Subject: Mail {tag}",
        f"X-Tag: {tag}",
        "",
        f"This is {tag}.",
        "",
    )
    return Tagged(tag, "\r\n".join(lines).encode() + (BODIES[number % len(BODIES)] if body is None else body))


def tagged_mails(prefix: str, number: int, *, to: str = "bob@corp.example") -> list[Tagged]:
    """Make mails with the tags prefix-1 and so on."""
    return [tagged(f"{prefix}-{each}", each, to=to) for each in range(1, number + 1)]


def tag_of(content: bytes) -> str:
    """Return the tag of a mail."""
    found = TAG.search(content)
    assert found is not None, content[:500]
    return found[1].decode()


def untraced(content: bytes) -> bytes:
    """Return a delivered mail as it was sent, with LF and without the fields that Mailferry added."""
    header = TRACE_HEADER.match(content)
    assert header is not None, content[:500]
    return lf(content[header.end() :])


def lf(content: bytes) -> bytes:
    """Return the content with LF as line ends."""
    return content.replace(b"\r\n", b"\n")
