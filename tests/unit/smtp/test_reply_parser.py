from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smtp.errors import ProtocolViolation
from shared.smtp.reply import EnhancedStatus, Reply
from shared.smtp.reply_parser import MAX_LINE, MAX_REPLY, ReplyParser

CASES = [
    (b"250 OK\r\n", [Reply(250, (b"OK",))]),
    (b"250\r\n", [Reply(250, (b"",))]),
    (b"250 \r\n", [Reply(250, (b"",))]),
    (b"250 OK\n", [Reply(250, (b"OK",))]),
    (b"250-mx.example\r\n250-SIZE 100\r\n250 HELP\r\n", [Reply(250, (b"mx.example", b"SIZE 100", b"HELP"))]),
    (b"250-\r\n250\r\n", [Reply(250, (b"", b""))]),
    (b"550 5.1.1 caf\xe9\r\n", [Reply(550, (b"5.1.1 caf\xe9",))]),
    (b"250 one\r\n354 two\r\n", [Reply(250, (b"one",)), Reply(354, (b"two",))]),
    (b"250 stray \r return\r\n", [Reply(250, (b"stray \r return",))]),
]

GARBAGE = [
    b"\r\n",
    b"OK\r\n",
    b"25 OK\r\n",
    b"2500 OK\r\n",
    b"150 OK\r\n",
    b"600 OK\r\n",
    b"250OK\r\n",
    b"250_OK\r\n",
    b"250-first\r\n550 second\r\n",
    b"\xff\xfe\x00\r\n",
    b"HTTP/1.1 400 Bad Request\r\n",
]

texts = st.binary(max_size=60).map(lambda text: text.replace(b"\n", b"").rstrip())
replies = st.builds(
    Reply,
    st.integers(200, 599),
    st.lists(texts, min_size=1, max_size=4).map(tuple),
    local=st.just(False),
)


def parsed(*pieces: bytes) -> list[Reply]:
    parser = ReplyParser()
    found: list[Reply] = []
    for piece in pieces:
        parser.receive(piece)
        while (reply := parser.next_reply()) is not None:
            found.append(reply)
    return found


def written(reply: Reply) -> bytes:
    *first, last = reply.lines
    lines = [b"%d-%b\r\n" % (reply.code, line) for line in first]
    return b"".join([*lines, b"%d %b\r\n" % (reply.code, last)])


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_a_reply_is_read_whole(data: bytes, expected: list[Reply]) -> None:
    assert parsed(data) == expected


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_a_reply_is_read_byte_by_byte(data: bytes, expected: list[Reply]) -> None:
    assert parsed(*(data[i : i + 1] for i in range(len(data)))) == expected


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_bytes_behind_a_reply_are_kept_for_the_next(data: bytes, expected: list[Reply]) -> None:
    parser = ReplyParser()
    parser.receive(data + b"250 trail")
    for reply in expected:
        assert parser.next_reply() == reply
    assert parser.next_reply() is None
    assert parser.buffered
    parser.receive(b"ing\r\n")
    assert parser.next_reply() == Reply(250, (b"trailing",))
    assert not parser.buffered


@given(st.lists(replies, max_size=5), st.data())
def test_replies_do_not_depend_on_how_the_bytes_are_cut(expected: list[Reply], data: st.DataObject) -> None:
    stream = b"".join(map(written, expected))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parsed(*pieces) == expected


@pytest.mark.parametrize("garbage", GARBAGE)
def test_an_invalid_reply_is_a_violation(garbage: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        parsed(garbage)


@given(st.binary(max_size=300))
def test_any_bytes_give_replies_or_a_violation_and_nothing_else(data: bytes) -> None:
    try:
        found = parsed(data)
    except ProtocolViolation:
        return
    assert len(found) <= data.count(b"\n")


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_reply_in_front_of_garbage_still_counts(garbage: bytes) -> None:
    parser = ReplyParser()
    parser.receive(b"250 OK\r\n" + garbage)
    assert parser.next_reply() == Reply(250, (b"OK",))
    with pytest.raises(ProtocolViolation):
        parser.next_reply()


def test_the_text_of_a_violation_is_escaped_and_cut() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        parsed(b"\x1b[31m" + b"x" * 1000 + b"\r\n")
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_an_endless_line_is_a_violation_before_it_ends() -> None:
    with pytest.raises(ProtocolViolation, match=str(MAX_LINE)):
        parsed(b"250 " + b"x" * MAX_LINE)


def test_a_reply_of_endless_lines_is_a_violation() -> None:
    with pytest.raises(ProtocolViolation, match=str(MAX_REPLY)):
        parsed(*[b"250-" + b"x" * 1000 + b"\r\n"] * 100)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(550, (b"5.1.1 Unknown",)), EnhancedStatus(5, 1, 1)),
        (Reply(250, (b"2.0.0",)), EnhancedStatus(2, 0, 0)),
        (Reply(452, (b"4.2.999 Full",)), EnhancedStatus(4, 2, 999)),
        (Reply(550, (b"4.1.1 contradiction",)), None),
        (Reply(550, (b"5.1 incomplete",)), None),
        (Reply(550, (b"5.1.1.1 too much",)), None),
        (Reply(550, (b"5.1.1000 too long",)), None),
        (Reply(550, (b"127.0.0.1 is blocked",)), None),
        (Reply(354, (b"3.0.0 no such class",)), None),
        (Reply(550, (b"",)), None),
    ],
)
def test_the_enhanced_status_code_opens_the_text(reply: Reply, expected: EnhancedStatus | None) -> None:
    assert reply.enhanced == expected


def test_an_enhanced_status_code_is_written_with_dots() -> None:
    assert EnhancedStatus(5, 7, 26).text == "5.7.26"


def test_the_text_of_a_reply_is_one_safe_line() -> None:
    assert Reply(550, (b"5.1.1 No\x1b", b"such user")).text == "550 5.1.1 No\\x1b such user"
