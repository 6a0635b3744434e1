"""Read headers alone, which leaves all flags as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from shared.imap.conversation import Conversation
from shared.imap.events import BodyData, Fetched, Reply
from shared.imap.mail_commands import fetch_headers
from shared.imap.uid_set import UidSet
from shared.model.mailbox import Listed

HEADER_LIMIT = 2 * 1024 * 1024
_AT_ONCE = 50


async def read_headers(
    conversation: Conversation, entries: Sequence[Listed], uids: Mapping[int, int]
) -> AsyncIterator[tuple[Listed, bytes | None]]:
    """Yield each mail of the selected folder with its header, of a very long one `HEADER_LIMIT` octets.

    None: the server did not give it. `uids` are the mails' UIDs by number.
    """
    for start in range(0, len(entries), _AT_ONCE):
        awaited = {uids[entry.number]: entry for entry in entries[start : start + _AT_ONCE]}
        await conversation.discard_answers()
        await conversation.send_commands([fetch_headers(UidSet.of(awaited))])
        pieces = bytearray()
        is_answered = False
        while not is_answered:
            for event in await conversation.read_events():
                match event:
                    case BodyData(data=data):
                        pieces += data[: max(0, HEADER_LIMIT - len(pieces))]
                    case Fetched(uid=uid, octets=octets, body=body) if uid in awaited:
                        header = bytes(pieces) if body is None and octets else body
                        pieces = bytearray()
                        yield awaited.pop(uid), header
                    case Reply():
                        is_answered = True
        for entry in awaited.values():
            yield entry, None
