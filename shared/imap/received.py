"""Ask when mails were received (INTERNALDATE; RFC 9051, section 2.3.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from shared.imap.conversation import Conversation
from shared.imap.events import Fetched, Reply
from shared.imap.mail_commands import INTERNALDATE, fetch_items
from shared.imap.refusals import is_partial, refused_command
from shared.imap.uid_set import UidSet
from shared.model.mailbox import Listed
from shared.model.received import read_moment

AT_ONCE = 500
"""Mails that one command asks for: some 35 KiB of answers."""


async def read_received(
    conversation: Conversation, entries: Sequence[Listed], uids: Mapping[int, int]
) -> AsyncIterator[tuple[Listed, float | None]]:
    """Yield each mail of the selected folder with the time at which it was received, as `Mailbox.received`.

    Mails that a server leaves out as they are too many at once are not yielded. `uids` are the mails' UIDs by
    number. Raises `SourceError` where the server refuses.
    """
    for start in range(0, len(entries), AT_ONCE):
        awaited = {uids[entry.number]: entry for entry in entries[start : start + AT_ONCE]}
        command = fetch_items(UidSet.of(awaited), (INTERNALDATE,))
        await conversation.discard_answers()
        await conversation.send_commands([command])
        reply: Reply | None = None
        while reply is None:
            for event in await conversation.read_events():
                match event:
                    case Fetched(uid=uid, internal_date=date) if uid in awaited and date is not None:
                        yield awaited.pop(uid), read_moment(date)
                    case Reply():
                        reply = event
        if is_partial(reply):
            continue
        if not reply.ok:
            raise refused_command(f"Asking {conversation.server} for dates", reply)
        for entry in awaited.values():
            yield entry, None
