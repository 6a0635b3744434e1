"""What the relay writes on top of a mail, and what it takes off: nothing else of the mail is touched.

On top: `X-Mailferry-ID`, the same on every copy of an attempt in doubt, and a `Received` line (RFC 5321
section 4.4). Off: `Return-Path`, which the final delivery writes anew (same section).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator
from email.utils import formatdate

HEADER_LIMIT = 1024 * 1024
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_RETURN_PATH = re.compile(
    rb"^return-path[ \t]*:[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*", re.IGNORECASE | re.MULTILINE
)


def trace_header(*, message: str, account: str, helo_name: str, recipient: str | None, now: float) -> bytes:
    """The lines on top; `recipient` is named only where it is the only one, so that no blind copy is
    betrayed.
    """
    clause = f"\r\n\tfor <{recipient}>" if recipient and recipient.isascii() else ""
    origin = re.sub(r"[^A-Za-z0-9._/+-]", "_", account)
    return (
        f"X-Mailferry-ID: {message}\r\n"
        f"Received: from {origin} by {helo_name} (Mailferry) id {message}{clause};\r\n"
        f"\t{formatdate(now)}\r\n"
    ).encode("ascii", "replace")


def without_return_path(beginning: bytes) -> bytes:
    """`beginning`, which holds the header whole or as much as is looked at, without its Return-Path
    fields.
    """
    if beginning.startswith((b"\n", b"\r\n")) or not _RETURN_PATH.search(beginning):
        return beginning
    match = _END_OF_HEADER.search(beginning)
    end = match.end() if match else len(beginning)
    return _RETURN_PATH.sub(b"", beginning[:end]) + beginning[end:]


async def on_top(header: bytes, mail: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """A streamed mail with `header` in front and without Return-Path; holds no more than the mail's
    header.
    """
    beginning: bytes | None = b""
    async for chunk in mail:
        if beginning is None:
            yield chunk
            continue
        beginning += chunk
        if _END_OF_HEADER.search(beginning) or len(beginning) > HEADER_LIMIT:
            yield header + without_return_path(beginning)
            beginning = None
    if beginning is not None:
        yield header + without_return_path(beginning)
