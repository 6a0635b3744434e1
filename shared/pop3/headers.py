"""Read headers alone by TOP (RFC 1939, section 7), which neither marks a mail as read nor deletes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from shared.pop3 import commands
from shared.pop3.conversation import Conversation
from shared.pop3.events import Body, BodyData, BodyEnded, Reply
from shared.pop3.replies import REFUSALS

HEADER_LIMIT = 2 * 1024 * 1024


async def read_headers(
    conversation: Conversation, numbers: Sequence[int], ahead: int
) -> AsyncIterator[bytes | None]:
    """Yield the headers of these mails in their order, as `read_header` returns them.

    None: the server refused. Up to `ahead` commands are sent before their answers. No other answer must be
    outstanding.
    """
    sent = answered = 0
    pieces = bytearray()
    while answered < len(numbers):
        batch = numbers[sent : answered + ahead]
        await conversation.send_commands([commands.header(number) for number in batch])
        sent += len(batch)
        for event in await conversation.read_events():
            match event:
                case Body(data=data):
                    header: bytes | None = data
                case BodyData(data=data):
                    pieces += data[: max(0, HEADER_LIMIT - len(pieces))]
                    continue
                case BodyEnded():
                    header, pieces = bytes(pieces), bytearray()
                case Reply():
                    header = None
                case _:
                    continue
            answered += 1
            yield header


async def read_header(conversation: Conversation, number: int) -> bytes:
    """Return the header of a mail, with the empty line after it; of a very long one, `HEADER_LIMIT` octets.

    No other answer must be outstanding. Raises `SourceRefused`, also where the server has no TOP: RETR might
    mark the mail as read.
    """
    await conversation.send_commands((commands.header(number),))
    pieces = bytearray()
    while True:
        for event in await conversation.read_events():
            match event:
                case Body(data=data):
                    return data
                case BodyData(data=data) if len(pieces) < HEADER_LIMIT:
                    pieces += data
                case BodyEnded():
                    return bytes(pieces)
                case Reply(code=code, text=text):
                    raise REFUSALS.of_command(f"TOP for mail {number} on {conversation.server}", code, text)
                case _:
                    continue
