"""Reading the header of a mail alone, which leaves it unread and undeleted (TOP; RFC 1939, section 7)."""

from __future__ import annotations

from services.fetcher.pop3 import commands
from services.fetcher.pop3.conversation import Conversation
from services.fetcher.pop3.events import Body, BodyData, BodyEnded, Reply
from services.fetcher.pop3.refusal import refused

HEADER_LIMIT = 2 * 1024 * 1024


async def read_header(conversation: Conversation, number: int) -> bytes:
    """The header of the mail `number`, with the empty line after it; of a longer one, `HEADER_LIMIT` octets.

    Nothing else must be under way. Raises `SourceRefused`, also where the server has no TOP: RETR in its
    place might mark the mail as read.
    """
    await conversation.post((commands.header(number),))
    pieces = bytearray()
    while True:
        for event in await conversation.events():
            match event:
                case Body(data=data):
                    return data
                case BodyData(data=data) if len(pieces) < HEADER_LIMIT:
                    pieces += data
                case BodyEnded():
                    return bytes(pieces)
                case Reply(code=code, text=text):
                    raise refused(f"TOP for mail {number} on {conversation.server}", code, text)
                case _:
                    continue
