"""The content of a mail, by DATA or BDAT, whole or as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from shared.smtp.content import joined, prepare
from shared.smtp.dialogue import Behind, Dialogue
from shared.smtp.errors import ConnectionLost
from shared.smtp.mail import Mail
from shared.smtp.reply import Reply
from shared.smtp.taking import eight_bit_refused
from shared.smtp.transaction import Terms

CHUNK = 1024 * 1024
"""Octets of a chunk, except the last."""

_NO_CONTENT = prepare(b"")


async def send(dialogue: Dialogue, mail: Mail, terms: Terms, behind: Behind) -> Reply | None:
    """Send the content, with the group that `behind` gives, as `Dialogue.send_whole` does; a reply is a
    refusal before its end.
    """
    if mail.prepared is not None:
        if terms.chunked:
            return await dialogue.send_chunk(mail.prepared.lines, last=True, behind=behind)
        return await dialogue.send_whole(mail.prepared, behind)
    assert not isinstance(mail.content, bytes)
    binary = dialogue.protocol.extensions.eight_bit_mime
    pieces = mail.content if binary else _seven_bit_only(mail.content)
    if terms.chunked:
        return await _send_chunks(dialogue, pieces, behind)
    return await dialogue.send_stream(pieces, behind)


async def send_nothing(dialogue: Dialogue) -> None:
    """A server may permit content although it refused every recipient: then it is a lone dot (RFC 2920, 3.1).

    All is decided before, so an end of the connection here changes nothing for the mail.
    """
    try:
        await dialogue.send_whole(_NO_CONTENT)
        await dialogue.answers()
    except ConnectionLost:
        dialogue.abort()
    if dialogue.protocol.lmtp:
        dialogue.abort()  # which of the two answers is meant is not known there


async def _send_chunks(dialogue: Dialogue, pieces: AsyncIterable[bytes], behind: Behind) -> Reply | None:
    """A stream by BDAT; if it raises, the connection is closed and the server takes that for no mail."""
    held = b""
    try:
        async for chunk in joined(pieces, CHUNK):
            if held and (refusal := await dialogue.send_chunk(held, last=False)) is not None:
                return refusal
            held = chunk
    except BaseException:
        dialogue.abort()
        raise
    return await dialogue.send_chunk(held, last=True, behind=behind)


async def _seven_bit_only(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if not chunk.isascii():
            raise eight_bit_refused()
        yield chunk
