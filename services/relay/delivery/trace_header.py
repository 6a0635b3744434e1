"""Adds the trace header to a mail and removes the fields of an earlier delivery; changes nothing else.

Added: `X-Mailferry-ID`, the same on every copy of an attempt in doubt, and `Received` (RFC 5321, section
4.4). Removed: `Return-Path`, which the final delivery writes anew (same section), and `Delivered-To` with a
recipient's own address, which a target such as Postfix takes for a mail loop.

Where an account has delivered mail name its source folder, that field (`shared.model.folder_field`) stands on
top. Fields of its name in the mail are removed: a sender must not choose the folder that a target sorts by.

Lines above the mail's own header (`shared.model.header_bounds`) would end the header below our fields. Lines
of text become `X-Mailbox-Line` fields, as Postfix' smtpd does with a postmark; empty lines and byte order
marks are dropped.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Collection
from email.utils import formatdate
from functools import lru_cache

from shared.model.header_bounds import end_of_header, is_header_complete, read_opening
from shared.model.trace_fields import ID_FIELD, PROGRAM, account_in_trace

HEADER_LIMIT = 1024 * 1024
LINE_FIELD = b"X-Mailbox-Line"
LONGEST_LINE = 900
"""Octets of a line above the header that are kept, so that its field is within the 998 of RFC 5322."""
_LINE_END = rb"(?:\r\n?+|\n)"
"""A bare CR also ends a line, as the SMTP client makes it a line end."""
_FIELD = rb"(?<![^\r\n])(%(names)b)[ \t]*:([^\r\n]*(?:%(end)b|\Z)(?:[ \t][^\r\n]*(?:%(end)b|\Z))*)"
_OF_DELIVERY = (b"return-path", b"delivered-to")
_EMPTY_LINE = re.compile(rb"(?:\A|%(end)b)(?=%(end)b)" % {b"end": _LINE_END})


def trace_header(*, message: str, account: str, helo_name: str, recipient: str | None, now: float) -> bytes:
    """Return the trace header; `recipient` only if there is no other, so that no blind copy is disclosed."""
    clause = f"\r\n\tfor <{recipient}>" if recipient and recipient.isascii() else ""
    return (
        f"{ID_FIELD}: {message}\r\n"
        f"Received: from {account_in_trace(account)} by {helo_name} {PROGRAM} id {message}{clause};\r\n"
        f"\t{_date(int(now))}\r\n"
    ).encode("ascii", "replace")


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    """Return the date field's value; cached, as many mails are sent in a second."""
    return formatdate(second)


def below_trace_header(
    beginning: bytes, recipients: Collection[str], folder_header: str | None = None
) -> bytes:
    """Return `beginning` as it follows the trace header: without the fields of an earlier delivery and those
    called `folder_header`, and with the lines above the header made harmless.

    `beginning` has the whole header, or as much of it as is inspected.
    """
    opening = read_opening(beginning)
    if not opening.start:
        return without_delivery_fields(beginning, recipients, folder_header)
    kept = [LINE_FIELD + b": %s\r\n" % line.replace(b"\r", b" ")[:LONGEST_LINE] for line in opening.lines]
    return b"".join(kept) + without_delivery_fields(beginning[opening.start :], recipients, folder_header)


def without_delivery_fields(
    beginning: bytes, recipients: Collection[str], folder_header: str | None = None
) -> bytes:
    """Return `beginning` without the Return-Path fields, the Delivered-To fields of `recipients`, and the
    fields called `folder_header`.
    """
    names = _OF_DELIVERY if folder_header is None else (*_OF_DELIVERY, folder_header.lower().encode())
    end = end_of_header(beginning)
    header = _up_to_an_empty_line(beginning if end is None else beginning[:end])
    lowered = header.lower()
    if not any(name in lowered for name in names):
        return beginning
    own = {recipient.lower().encode() for recipient in recipients}

    def kept(field: re.Match[bytes]) -> bytes:
        if field[1].lower() != b"delivered-to":
            return b""
        return b"" if field[2].strip().strip(b"<>").lower() in own else field[0]

    return _fields_called(names).sub(kept, header) + beginning[len(header) :]


@lru_cache(maxsize=64)
def _fields_called(names: Collection[bytes]) -> re.Pattern[bytes]:
    """Return the pattern of these fields, folded or not."""
    alternatives = b"|".join(map(re.escape, names))
    return re.compile(_FIELD % {b"names": alternatives, b"end": _LINE_END}, re.IGNORECASE)


def _up_to_an_empty_line(header: bytes) -> bytes:
    """Return the part that the target will take for the header if there are bare CRs in it."""
    if header.count(b"\r") == header.count(b"\r\n"):
        return header
    empty = _EMPTY_LINE.search(header)
    return header[: empty.end()] if empty else header


async def with_trace_header(
    header: bytes, mail: AsyncIterable[bytes], recipients: Collection[str], folder_header: str | None = None
) -> AsyncIterator[bytes]:
    """Yield a streamed mail with `header` in front, without the fields of an earlier delivery and those
    called `folder_header`.

    Holds no more than the mail's header in memory.
    """
    beginning: bytes | None = b""
    async for chunk in mail:
        if beginning is None:
            yield chunk
            continue
        seen = len(beginning)
        beginning += chunk
        if is_header_complete(beginning, seen) or len(beginning) > HEADER_LIMIT:
            yield header + below_trace_header(beginning, recipients, folder_header)
            beginning = None
    if beginning is not None:
        yield header + below_trace_header(beginning, recipients, folder_header)
