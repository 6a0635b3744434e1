"""What real servers were seen to say, and users to report."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.imap import commands, mail_commands
from shared.imap.commands import Command
from shared.imap.events import (
    Exists,
    Fetched,
    Found,
    Gone,
    IdleStarted,
    MailboxListed,
    MailboxStatus,
    Notice,
    Reply,
    Selected,
)
from shared.imap.status_lines import Condition
from shared.imap.uid_set import UidSet
from shared.imap.untagged import FOLDERS_TOLD
from tests.unit.imap.cores import Session, alike, logged_in, selected

MAILS = mail_commands.fetch_mails(UidSet.of([5, 6]))
ONE = mail_commands.fetch_mails(UidSet.of([5]))
SIZES = mail_commands.fetch_items(UidSet.span(1), {"RFC822.SIZE"})
SEARCH = mail_commands.search_uids(UidSet.span(1, 100), extended=False)
ESEARCH = mail_commands.search_uids(UidSet.span(1, 100), extended=True)
SELECT = commands.select(b"INBOX")
STATUS = commands.status(b"INBOX")
LIST = commands.list_mailboxes([b"*"], with_status=False, special_use=False)
OK = Condition.OK


def in_selected(*sent: Command) -> Session:
    session = selected()
    for command in sent:
        session.send(command)
    return session


def when_logged_in(*sent: Command) -> Session:
    session = logged_in()
    for command in sent:
        session.send(command)
    return session


OF_SELECTED: dict[str, tuple[Sequence[Command], bytes, list[object]]] = {
    "GNU prints EXPUNGED": ((SIZES,), b"* 1 EXPUNGED\r\n$1 OK\r\n", [Reply(SIZES, OK)]),
    "an answer that nobody knows": (
        (SIZES,),
        b'* XYZZY (a "b" {3}\r\nc)d NIL) ~{2}\r\nxx\r\n$1 OK\r\n',
        [Reply(SIZES, OK)],
    ),
    "an item that nobody knows": (
        (SIZES,),
        b"* 1 FETCH (UID 5 X-NEW (a (b)) RFC822.SIZE 10 MODSEQ (7))\r\n",
        [Fetched(SIZES, 5, 10)],
    ),
    "a code that nobody knows, and one without text": (
        (),
        b"* OK [XYZZY a b] text\r\n* OK [ALERT]\r\n* NO\r\n",
        [
            Notice(OK, "XYZZY", b"a b", b"text"),
            Notice(OK, "ALERT", b"", b""),
            Notice(Condition.NO, "", b"", b""),
        ],
    ),
    "text for people that ends as if a literal followed": (
        (SIZES,),
        b"* OK about {5}\r\n* NO [LIMIT] (x {3}\r\n$1 OK done {4}\r\n",
        [
            Notice(OK, "", b"", b"about {5}"),
            Notice(Condition.NO, "LIMIT", b"", b"(x {3}"),
            Reply(SIZES, OK, text=b"done {4}"),
        ],
    ),
    "blanks at the end": (
        (SIZES,),
        b"* 1 FETCH (UID 5 RFC822.SIZE 10) \r\n* SEARCH 5 \r\n$1 OK done \r\n",
        [Fetched(SIZES, 5, 10), Reply(SIZES, OK, text=b"done")],
    ),
    "octets that are no ASCII": (
        (SIZES,),
        b"* X\xff\xfe (\x80)\r\n* 1 FETCH (UID 5 X-ID \xe4\xf6 RFC822.SIZE 10)\r\n$1 OK \xff\r\n",
        [Fetched(SIZES, 5, 10), Reply(SIZES, OK, text=b"\xff")],
    ),
    "the UID stands behind the literal": (
        (MAILS,),
        b"* 1 FETCH (BODY[] {3}\r\nabc UID 6)\r\n",
        [Fetched(MAILS, 6, octets=3, body=b"abc")],
    ),
    "flags came along with the mail": (
        (MAILS,),
        b"* 1 FETCH (UID 6 FLAGS (\\Seen) BODY[] {3}\r\nabc)\r\n",
        [Fetched(MAILS, 6, flags=frozenset({"\\seen"}), octets=3, body=b"abc")],
    ),
    "a body without UID where one mail is outstanding": (
        (ONE,),
        b"* 1 FETCH (BODY[] {3}\r\nabc)\r\n",
        [Fetched(ONE, 5, octets=3, body=b"abc")],
    ),
    "a body as a quoted string, as NIL, and of no octets": (
        (MAILS,),
        b'* 1 FETCH (UID 5 BODY[] "a\\"c")\r\n* 2 FETCH (UID 6 BODY[] NIL)\r\n',
        [Fetched(MAILS, 5, octets=3, body=b'a"c'), Fetched(MAILS, 6)],
    ),
    "a literal of no octets": (
        (MAILS,),
        b"* 1 FETCH (UID 5 BODY[] {0}\r\n)\r\n",
        [Fetched(MAILS, 5, octets=0, body=b"")],
    ),
    "all the ways to announce a literal": (
        (MAILS,),
        b"* 1 FETCH (UID 5 BODY[] {2+}\r\nab)\r\n* 2 fetch (uid 6 body[] ~{2}\r\nab)\r\n",
        [Fetched(MAILS, 5, octets=2, body=b"ab"), Fetched(MAILS, 6, octets=2, body=b"ab")],
    ),
    "EXPUNGE in the middle of UID FETCH": (
        (MAILS,),
        b"* 1 EXPUNGE\r\n* 1 FETCH (UID 6 BODY[] {1}\r\nx)\r\n* VANISHED 7,9:10\r\n",
        [Gone(), Fetched(MAILS, 6, octets=1, body=b"x"), Gone(UidSet.of([7, 9, 10]))],
    ),
    "the data of two commands before the first tagged line": (
        (ONE, SIZES),
        b"* 1 FETCH (UID 7 RFC822.SIZE 2)\r\n* 2 FETCH (UID 5 BODY[] {1}\r\nx)\r\n$2 OK\r\n$1 OK\r\n",
        [Fetched(SIZES, 7, 2), Fetched(ONE, 5, octets=1, body=b"x"), Reply(SIZES, OK), Reply(ONE, OK)],
    ),
    "flags that changed meanwhile are no answer": (
        (SIZES, MAILS),
        b"* 1 FETCH (FLAGS (\\Seen))\r\n* 1 FETCH (UID 5 FLAGS (\\Seen))\r\n",
        [],
    ),
    "a UID that cannot be one": (
        (SIZES,),
        (
            b"* 1 FETCH (UID 0 RFC822.SIZE 2)\r\n* 2 FETCH (UID 4294967296 RFC822.SIZE 2)\r\n"
            b"* 3 FETCH (UID 5 UID 6 RFC822.SIZE 2)\r\n"
        ),
        [Fetched(SIZES, 0, 2)] * 3,
    ),
    "sizes of mails that were not asked about": (
        (mail_commands.fetch_items(UidSet.of([5]), {"RFC822.SIZE"}),),
        b"* 1 FETCH (UID 6 RFC822.SIZE 2)\r\n* 1 FETCH (RFC822.SIZE 2)\r\n",
        [],
    ),
    "a size that is none": (
        (SIZES,),
        b"* 1 FETCH (UID 5 RFC822.SIZE -1)\r\n* 1 FETCH (UID 6 RFC822.SIZE NIL)\r\n",
        [Fetched(SIZES, 5), Fetched(SIZES, 6)],
    ),
    "UIDs of SEARCH that are none, twice, or not asked for": (
        (SEARCH,),
        b"* SEARCH 5 0 5 300 4294967296 7 (MODSEQ 9)\r\n",
        [Found(SEARCH, UidSet.of([5, 7]), 6)],
    ),
    "an empty SEARCH": ((SEARCH,), b"* SEARCH\r\n", [Found(SEARCH, UidSet(), 0)]),
    "ESEARCH that finds nothing, and one that does": (
        (ESEARCH,),
        b'* ESEARCH (TAG "$1") UID\r\n* ESEARCH (TAG "$1") UID ALL 2:4,9\r\n',
        [Found(ESEARCH, UidSet(), 0), Found(ESEARCH, UidSet.of([2, 3, 4, 9]), 4)],
    ),
    "ESEARCH of numbers, of another tag, and without a set": (
        (ESEARCH,),
        (
            b'* ESEARCH (TAG "$1") ALL 2\r\n* ESEARCH (TAG "x") UID ALL 2\r\n'
            b'* ESEARCH (TAG "$1") UID ALL 2:*\r\n'
        ),
        [Found(ESEARCH, UidSet(), 1)],
    ),
    "results that nobody asked for": (
        (SIZES,),
        b'* SEARCH 5\r\n* ESEARCH UID ALL 3\r\n* LIST () "/" a\r\n* STATUS a (MESSAGES 1)\r\n* ENABLED X\r\n',
        [],
    ),
    "IDLE tells of mail before it begins": (
        (commands.IDLE,),
        b"* 4 EXISTS\r\n+ idling\r\n",
        [Exists(4), IdleStarted(commands.IDLE)],
    ),
    "a plus without a blank begins IDLE": ((commands.IDLE,), b"+\r\n", [IdleStarted(commands.IDLE)]),
    "mails of UIDONLY are numbered by UID": (
        (MAILS,),
        b"* 6 UIDFETCH (BODY[] {1}\r\nx)\r\n",
        [Fetched(MAILS, 6, octets=1, body=b"x")],
    ),
}


@pytest.mark.parametrize(("sent", "stream", "expected"), OF_SELECTED.values(), ids=OF_SELECTED)
def test_oddities_in_a_selected_mailbox(
    sent: Sequence[Command], stream: bytes, expected: list[object]
) -> None:
    assert alike(lambda: in_selected(*sent), stream) == expected


OF_LOGGED_IN: dict[str, tuple[Command, bytes, list[object]]] = {
    "163 tells nothing in STATUS": (
        STATUS,
        b'* STATUS "INBOX" ()\r\n',
        [MailboxStatus(b"INBOX", None, None, None)],
    ),
    "STATUS with raw octets and an odd number of items": (
        STATUS,
        b"* STATUS INBOX (MESSAGES 3 MAILBOXID (\xff\x80) UIDNEXT 9 UIDVALIDITY)\r\n",
        [MailboxStatus(b"INBOX", 3, 9, None)],
    ),
    "UIDVALIDITY of 13 digits": (
        SELECT,
        b"* 3 EXISTS\r\n* OK [UIDVALIDITY 1700000000123]\r\n* OK [UIDNEXT 12]\r\n$1 OK [READ-WRITE] x\r\n",
        [
            Notice(OK, "UIDVALIDITY", b"1700000000123", b""),
            Notice(OK, "UIDNEXT", b"12", b""),
            Selected(SELECT, 3, 1700000000123, 12),
            Reply(SELECT, OK, "READ-WRITE", b"", b"x"),
        ],
    ),
    "Courier's SELECT without UIDNEXT, and UIDs that do not last": (
        SELECT,
        (
            b"* FLAGS (\\Seen)\r\n* OK [PERMANENTFLAGS (\\* \\Deleted)] x\r\n* NO [UIDNOTSTICKY] x\r\n"
            b"$1 OK [READ-ONLY]\r\n"
        ),
        [
            Notice(OK, "PERMANENTFLAGS", b"(\\* \\Deleted)", b"x"),
            Notice(Condition.NO, "UIDNOTSTICKY", b"", b"x"),
            Selected(
                SELECT, permanent_flags=frozenset({"\\*", "\\deleted"}), read_only=True, uid_not_sticky=True
            ),
            Reply(SELECT, OK, "READ-ONLY"),
        ],
    ),
    "names as atoms, strings and literals": (
        LIST,
        (
            b'* LIST (\\HasNoChildren) "/" inbox\r\n* LIST (\\Trash) NIL "a &- b"\r\n'
            b'* LIST () "\\\\" {4}\r\nNIL&\r\n* LIST () "." NIL\r\n* LIST () "/" ""\r\n'
        ),
        [
            MailboxListed(b"inbox", "INBOX", "/", frozenset({"\\hasnochildren"})),
            MailboxListed(b"a &- b", "a & b", None, frozenset({"\\trash"})),
            MailboxListed(b"NIL&", "NIL&", "\\", frozenset()),
            MailboxListed(b"NIL", "NIL", ".", frozenset()),
        ],
    ),
}


@pytest.mark.parametrize(("sent", "stream", "expected"), OF_LOGGED_IN.values(), ids=OF_LOGGED_IN)
def test_oddities_before_a_mailbox_is_selected(sent: Command, stream: bytes, expected: list[object]) -> None:
    assert alike(lambda: when_logged_in(sent), stream) == expected


def test_what_a_server_tells_of_folders_is_bounded_as_it_comes() -> None:
    session = logged_in()
    session.send(LIST)
    line = b'* LIST () "/" folder\r\n* STATUS folder (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\n'
    told = [event for _ in range(100) for event in session.receive(line * 50)]
    assert sum(isinstance(event, MailboxListed) for event in told) == FOLDERS_TOLD
    assert sum(isinstance(event, MailboxStatus) for event in told) == FOLDERS_TOLD
    assert len(told) == 2 * FOLDERS_TOLD
