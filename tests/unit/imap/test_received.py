from __future__ import annotations

import pytest

from shared.imap.commands import examine
from shared.imap.conversation import Conversation
from shared.imap.received import read_received
from shared.model.mailbox import Listed
from shared.model.source_errors import SourceError
from tests.unit.imap.sessions import logged_in

ENTRIES = [Listed(f"{uid:010d}", number, 100) for number, uid in enumerate((4, 5, 9), 1)]
UIDS = {1: 4, 2: 5, 3: 9}
NOON = 1_793_534_400.0


def date(number: int, uid: int, written: bytes) -> bytes:
    return b'* %d FETCH (UID %d INTERNALDATE "%s")\r\n' % (number, uid, written)


async def told(conversation: Conversation) -> dict[str, float | None]:
    await conversation.execute(examine(b"INBOX"))
    return {entry.uid[-1]: at async for entry, at in read_received(conversation, ENTRIES, UIDS)}


async def test_dates_belong_to_mails_by_uid_and_a_missing_one_is_told() -> None:
    answer = date(3, 9, b" 1-Nov-2026 13:00:00 +0100") + date(1, 4, b"31-Oct-2026 12:00:00 +0000")
    stream, conversation = await logged_in(b"$1 OK\r\n", answer + b"$2 OK\r\n")
    assert await told(conversation) == {"9": NOON, "4": NOON - 86400, "5": None}
    assert stream.said[1:] == ["UID FETCH 4:5,9 (UID INTERNALDATE)"]


async def test_a_date_that_cannot_be_read_is_none() -> None:
    answer = b"".join(date(n, uid, b"some day") for n, uid in UIDS.items())
    _, conversation = await logged_in(b"$1 OK\r\n", answer + b"$2 OK\r\n")
    assert await told(conversation) == {"4": None, "5": None, "9": None}


async def test_what_a_server_with_a_limit_leaves_out_is_left_out() -> None:
    answer = date(1, 4, b"31-Oct-2026 12:00:00 +0000") + b"$2 OK [MESSAGELIMIT 1 5] more later\r\n"
    _, conversation = await logged_in(b"$1 OK\r\n", answer)
    assert await told(conversation) == {"4": NOON - 86400}


async def test_a_refusal_is_about_all_mails_and_tells_nothing_of_their_dates() -> None:
    """Otherwise all old mail would be fetched, as mail without a date is."""
    _, conversation = await logged_in(b"$1 OK\r\n", b"$2 NO [UNAVAILABLE] later\r\n")
    with pytest.raises(SourceError, match="for dates"):
        await told(conversation)
