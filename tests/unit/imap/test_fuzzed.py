"""Two fuzzers. Right dialogues with oddities mixed in: nothing is lost, and no mail gets a wrong owner.
Octets at random: memory stays flat, and all that comes is events or a violation.
"""

from __future__ import annotations

import random
import re
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.imap import commands, mail_commands
from shared.imap.commands import Command
from shared.imap.events import BodyStarted, Broken, Event, Fetched, Found, Reply
from shared.imap.states import State
from shared.imap.uid_set import UidSet
from shared.model.errors import MailferryError
from tests.unit.imap.cores import SMALL, Session, by_octet, cut_at, fed, greeted, logged_in, merged, selected

UIDS = UidSet.of([5, 6, 7, 8])
MAILS = mail_commands.fetch_mails(UIDS)
SIZES = mail_commands.fetch_items(UidSet.span(1), {"RFC822.SIZE"})
SEARCH = mail_commands.search_uids(UidSet.span(1, 100), extended=False)
SENT = (SIZES, MAILS, SEARCH)

ODDITIES = st.sampled_from(
    [
        b"* 1 EXPUNGED\r\n",
        b"* 2 EXPUNGE\r\n",
        b"* 7 EXISTS\r\n",
        b"* OK [ALERT]\r\n",
        b"* NO [XYZZY a] \xff\r\n",
        b"* 1 FETCH (FLAGS (\\Seen))\r\n",
        b"* 3 FETCH (UID 5 FLAGS ())\r\n",
        b"* XYZZY ({3}\r\n)\r\n NIL)\r\n",
        b'* STATUS "INBOX" ()\r\n',
        b"* CAPABILITY IDLE\r\n",
        b"* BYE soon\r\n",
        b"",
    ]
)
FORMS = st.sampled_from(
    [
        b"* 1 FETCH (UID %d BODY[] {%d}\r\n%s)\r\n",
        b"* 1 FETCH (FLAGS (\\Seen) UID %d BODY[] {%d}\r\n%s)\r\n",
        b"* 1 fetch (uid %d X-NEW (a {2}\r\nbc) body[] ~{%d+}\r\n%s MODSEQ (1)) \r\n",
        b"* %d UIDFETCH (BODY[] {%d}\r\n%s)\r\n",
    ]
)
BODIES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b")\r\n* BYE\r\n", b"* 1 FETCH (UID 6 BODY[] {1}\r\nx)\r\n", b"x73 OK\r\n", b"{99}\r\n"]
    ),
)


def asked() -> Session:
    session = selected(SMALL)
    for command in SENT:
        session.send(command)
    return session


@st.composite
def dialogues(draw: st.DrawFn) -> tuple[dict[int, bytes], list[bytes]]:
    mails = draw(st.dictionaries(st.sampled_from([5, 6, 7, 8]), BODIES))
    answers = [draw(FORMS) % (uid, len(mail), mail) for uid, mail in mails.items()]
    answers += [b"* 1 FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, len(mail)) for uid, mail in mails.items()]
    answers.append(b"* SEARCH" + b"".join(b" %d" % uid for uid in mails) + b"\r\n")
    answers = draw(st.permutations(answers))
    stream: list[bytes] = []
    for answer in [*answers, *draw(st.permutations([b"x73 OK\r\n", b"x74 OK\r\n", b"x75 OK\r\n"]))]:
        stream += [draw(ODDITIES), answer]
    return mails, stream


def bodies(events: Sequence[object]) -> dict[int, bytes]:
    """The bodies by UID, those in pieces too."""
    out: dict[int, bytes] = {}
    pieces = b""
    for event in events:
        if isinstance(event, BodyStarted):
            pieces = b""
        elif isinstance(event, Fetched) and event.command == MAILS:
            assert event.uid not in out
            out[event.uid] = pieces if event.body is None else event.body
            assert event.octets == len(out[event.uid])
        else:
            pieces += getattr(event, "data", b"")
    return out


@settings(deadline=None)
@given(dialogues(), st.data())
def test_with_oddities_anywhere_nothing_is_lost_and_no_mail_has_another_owner(
    dialogue: tuple[dict[int, bytes], list[bytes]], data: st.DataObject
) -> None:
    mails, answers = dialogue
    stream = b"".join(answers)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    results = [merged(fed(asked(), way)) for way in ([stream], by_octet(stream), cut_at(stream, cuts))]
    assert results[0] == results[1] == results[2]
    events = results[0]
    assert bodies(events) == mails
    sizes = [event for event in events if isinstance(event, Fetched) and event.command == SIZES]
    assert {each.uid: each.size for each in sizes if each.size is not None} == {
        uid: len(mail) for uid, mail in mails.items()
    }
    assert [event for event in events if isinstance(event, Found)] == [
        Found(SEARCH, UidSet.of(mails), len(mails))
    ]
    replies = [event for event in events if isinstance(event, Reply)]
    assert {reply.command for reply in replies} == set(SENT)
    assert len(replies) == len(SENT)


FRAGMENTS = [
    *(b"* ", b"+ ", b"x71 ", b"x73 ", b"OK ", b"NO ", b"BAD ", b"BYE ", b"PREAUTH ", b"\r\n", b"\r", b"\n"),
    *(
        b"1 ",
        b"99999999999999999999 ",
        b"FETCH ",
        b"UIDFETCH ",
        b"(",
        b")",
        b"((",
        b"UID ",
        b"5 ",
        b"BODY[] ",
    ),
    *(
        b"BODY[",
        b"]",
        b"<0>",
        b"{3}\r\n",
        b"{0}\r\n",
        b"~{5+}\r\n",
        b"{9999999}\r\n",
        b"abc",
        b'"',
        b"\\",
        b"NIL ",
    ),
    *(b"SEARCH ", b"ESEARCH ", b'(TAG "x74") UID ALL ', b"1:4294967295", b"LIST ", b"STATUS ", b"VANISHED "),
    *(
        b"[CAPABILITY ",
        b"[UIDNEXT ",
        b"ENABLED ",
        b"EXISTS",
        b"EXPUNGE",
        b"FLAGS ",
        b"\0",
        b"\xff",
        b"\\Seen ",
    ),
]
RIGHT = (
    b"* 1 FETCH (UID 5 BODY[] {12}\r\nSubject: x\r\n)\r\n* 2 FETCH (FLAGS (\\Seen) UID 6 BODY[] {20}\r\n"
    b"aaaaaaaaaaaaaaaaaaaa)\r\n* 3 FETCH (UID 7 RFC822.SIZE 12)\r\n* SEARCH 5 6\r\nx73 OK done\r\n"
    b'x74 NO [LIMIT] x\r\n* ESEARCH (TAG "x75") UID ALL 5:6\r\n* VANISHED 8\r\nx75 OK\r\n'
)
TIMES = 800
MOST_MEMORY = 3_000_000  # octets; the limits of `SMALL` allow some thousand, the rest is Python and this test


def beginnings() -> list[Session]:
    """Sessions in every state, with all kinds of commands outstanding."""
    made = [Session(SMALL), greeted(SMALL), logged_in(SMALL), selected(SMALL), asked()]
    many: list[tuple[Session, Command]] = [
        (greeted(SMALL), commands.STARTTLS),
        (greeted(SMALL), commands.authenticate("PLAIN")),
        (greeted(SMALL), commands.login("ü", "x")),
        (logged_in(SMALL), commands.select(b"a")),
        (logged_in(SMALL), commands.ENABLE_UTF8),
        (logged_in(SMALL), commands.list_mailboxes([b"*"], with_status=True, special_use=True)),
        (selected(SMALL), commands.IDLE),
        (selected(SMALL), commands.LOGOUT),
    ]
    for session, command in many:
        session.send(command)
        made.append(session)
    return made


def altered(stream: bytes, chance: random.Random) -> bytes:
    """The octets with a few of them replaced, left out or put in."""
    out = bytearray(stream)
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(out))
        out[place : place + chance.randrange(3)] = chance.choice(
            (b"", b" ", b")", b"9", b"\r\n", b"{", b"\xff")
        )
    return bytes(out)


def garbage(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.2:
        return chance.randbytes(chance.randrange(1, 400))
    if kind < 0.5:
        return altered(RIGHT, chance)
    line = b"".join(chance.choice(FRAGMENTS) for _ in range(chance.randrange(1, 60)))
    return re.sub(rb"  +", b" ", line)


def check_garbage(session: Session, stream: bytes, chance: random.Random) -> list[Event]:
    cuts = [chance.randrange(len(stream)) for _ in range(chance.randrange(4))]
    events = fed(session, cut_at(stream, cuts))
    assert not any(isinstance(event, Broken) for event in events[:-1])
    if events and isinstance(events[-1], Broken):
        assert isinstance(events[-1].error, MailferryError)
        assert str(events[-1].error).isprintable()
    return events


@pytest.mark.parametrize("seed", range(4))
def test_any_octets_are_events_or_a_violation(seed: int) -> None:
    chance = random.Random(seed)
    broke = 0
    for _ in range(TIMES // 13):
        for session in beginnings():
            for _ in range(3):
                if session.core.state is State.BROKEN:
                    broke += 1
                    break
                check_garbage(session, garbage(chance), chance)
            if session.core.state is not State.BROKEN:
                session.receive(b"")
    assert broke


def test_octets_without_end_take_no_memory() -> None:
    chance = random.Random(5)
    forms = [
        b"* 1 FETCH (UID 5",
        b"* LIST ",
        b"* ",
        b"+",
        b"x73 OK ",
        b"* X {60}\r\n",
        b"* OK [",
        b"* SEARCH ",
    ]
    forms += [b"* 1 FETCH (UID 5 BODY[] {1000}\r\n", b"* X (", b'* X "', b"* CAPABILITY ", b"* ENABLED "]
    for form in forms:
        for filling in (b"a", b"(", b"1 ", b'"', b" {1}\r\na", b"\0", b"\r\n* X ", b" {0}\r\n"):
            session = asked()
            tracemalloc.start()
            session.receive(form)
            for _ in range(40):
                if session.core.state is State.BROKEN:
                    break
                session.receive(filling * chance.randrange(1, 2000))
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert most < MOST_MEMORY, (form, filling)
