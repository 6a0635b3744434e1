from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from shared.pop3.body import BodyDecoder
from tests.fakes.pop3_server import stuffed

TRICKY = st.lists(
    st.sampled_from([b"\r\n", b".", b"..", b"\r", b"\n", b"a", b"\0", b"\xff", b"\r\n.", b"+OK\r\n"]),
    max_size=30,
).map(b"".join)


def with_final_crlf(mail: bytes) -> bytes:
    return mail if not mail or mail.endswith(b"\r\n") else mail + b"\r\n"


def decode(pieces: list[bytes], first: int) -> tuple[bytes, int, int]:
    """The decoded bytes, the piece in which the end was found, and the position there."""
    decoder = BodyDecoder()
    decoded = b""
    for index, piece in enumerate(pieces):
        part, position = decoder.decode(piece, first if index == 0 else 0)
        decoded += part
        if position >= 0:
            return decoded, index, position
    return decoded, -1, -1


@given(TRICKY)
@example(b".\r\n")
@example(b"\r\n.\r\n")
@example(b"..\r\n.\r\n\r\n")
def test_a_mail_comes_out_as_it_went_in(mail: bytes) -> None:
    answer = b"+OK\r\n" + stuffed(mail)
    assert decode([answer], 5) == (with_final_crlf(mail), 0, len(answer))


@given(TRICKY, st.binary(max_size=10))
def test_bytes_behind_the_terminator_are_left_alone(mail: bytes, trailing: bytes) -> None:
    answer = b"+OK\r\n" + stuffed(mail)
    assert decode([answer + trailing], 5) == (with_final_crlf(mail), 0, len(answer))


@given(TRICKY)
def test_a_mail_that_arrives_byte_by_byte_is_the_same(mail: bytes) -> None:
    body = stuffed(mail)
    pieces = [body[i : i + 1] for i in range(len(body))]
    assert decode(pieces, 0) == (with_final_crlf(mail), len(body) - 1, 1)


@given(TRICKY, st.data())
def test_a_mail_that_arrives_in_any_pieces_is_the_same(mail: bytes, data: st.DataObject) -> None:
    body = stuffed(mail)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(body) - 1), max_size=6)) if len(body) > 1 else [])
    bounds = [0, *cuts, len(body)]
    pieces = [body[a:b] for a, b in pairwise(bounds)]
    pieces[0] = b"+OK\r\n" + pieces[0]
    decoded, index, position = decode(pieces, 5)
    assert decoded == with_final_crlf(mail)
    assert (index, position) == (len(pieces) - 1, len(pieces[-1]))


def test_a_lone_dot_inside_a_mail_is_unstuffed() -> None:
    assert decode([b"+OK\r\na\r\n..\r\nb\r\n.\r\n"], 5)[0] == b"a\r\n.\r\nb\r\n"


def test_a_dot_after_a_bare_line_feed_ends_nothing() -> None:
    assert decode([b"+OK\r\na\n.\r\nb\r.\r\nc\n.\n\r\n.\r\n"], 5)[0] == b"a\n.\r\nb\r.\r\nc\n.\n\r\n"


def test_a_line_of_a_hundred_thousand_bytes_is_no_trouble() -> None:
    line = b"x" * 100_000 + b"\r\n"
    assert decode([b"+OK\r\n" + line + b".\r\n"], 5)[0] == line


def test_a_body_behind_a_status_line_with_a_bare_line_feed_is_found() -> None:
    assert decode([b"+OK\n.\r\n"], 4) == (b"", 0, 7)
    assert decode([b"+OK\n..a\r\n.\r\nmore"], 4) == (b".a\r\n", 0, 12)


def test_a_dot_that_a_careless_server_did_not_stuff_is_kept() -> None:
    assert decode([b"+OK\r\n.profile\r\n.\r\n"], 5)[0] == b".profile\r\n"
