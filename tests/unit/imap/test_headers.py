from __future__ import annotations

from shared.imap.commands import examine
from shared.imap.headers import read_headers
from shared.imap.limits import Limits
from shared.model.mailbox import Listed
from tests.unit.imap.sessions import logged_in

ENTRIES = [Listed(f"{uid:010d}", number, 100) for number, uid in enumerate((4, 5, 9), 1)]
UIDS = {1: 4, 2: 5, 3: 9}


def header(number: int, uid: int, data: bytes) -> bytes:
    return b"* %d FETCH (UID %d BODY[HEADER] {%d}\r\n%s)\r\n" % (number, uid, len(data), data)


async def test_headers_belong_to_mails_by_uid_and_a_missing_one_is_told() -> None:
    answer = header(3, 9, b"A: 9\r\n\r\n") + header(1, 4, b"A: 4\r\n\r\n") + b"$2 NO some are broken\r\n"
    stream, conversation = await logged_in(b"$1 OK\r\n", answer)
    await conversation.execute(examine(b"INBOX"))
    read = {entry.uid[-1]: header async for entry, header in read_headers(conversation, ENTRIES, UIDS)}
    assert read == {"4": b"A: 4\r\n\r\n", "9": b"A: 9\r\n\r\n", "5": None}
    assert stream.said[1:] == ["UID FETCH 4:5,9 (UID BODY.PEEK[HEADER])"]


async def test_a_long_header_comes_in_pieces() -> None:
    long = b"A: " + b"x" * 500 + b"\r\n\r\n"
    answer = header(1, 4, long) + header(2, 5, b"A: 5\r\n\r\n") + header(3, 9, long) + b"$2 OK\r\n"
    _, conversation = await logged_in(b"$1 OK\r\n", answer[:300], answer[300:], limits=Limits(whole=100))
    await conversation.execute(examine(b"INBOX"))
    read = [header async for _, header in read_headers(conversation, ENTRIES, UIDS)]
    assert read == [long, b"A: 5\r\n\r\n", long]
