from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.smtp.content import END, ContentEncoder, prepare

# Weighted towards what matters: line ends, their halves, and dots.
mails = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"a", b"\0", b"\xe4", b"Subject: x"])
).map(b"".join)


def received(wire: bytes) -> bytes:
    """Return what a server reads that accepts CRLF only as a line end."""
    assert wire.endswith(END)
    lines = (b"\r\n" + wire[: -len(END)]).replace(b"\r\n.", b"\r\n")
    return lines[2:]


def with_crlf(mail: bytes) -> bytes:
    normal = re.sub(rb"\r\n|\r|\n", b"\r\n", mail)
    return normal if not normal or normal.endswith(b"\r\n") else normal + b"\r\n"


def streamed(mail: bytes, cuts: list[int]) -> bytes:
    encoder = ContentEncoder()
    places = [0, *sorted(cut % (len(mail) + 1) for cut in cuts), len(mail)]
    return b"".join(encoder.encode_part(mail[a:b]) for a, b in pairwise(places)) + encoder.finish()


@given(mails)
@example(b"")
@example(b".")
@example(b".\r\n")
@example(b"\r\n.\r\n")
def test_the_server_gets_the_mail_with_crlf_line_ends_and_nothing_else_changed(mail: bytes) -> None:
    assert received(prepare(mail).wire) == with_crlf(mail)


@given(mails, st.lists(st.integers(0, 10_000), max_size=6))
def test_chunks_cut_anywhere_give_the_same_as_the_whole(mail: bytes, cuts: list[int]) -> None:
    assert streamed(mail, cuts) == prepare(mail).wire


@given(mails)
def test_every_byte_a_chunk_gives_the_same_as_the_whole(mail: bytes) -> None:
    assert streamed(mail, list(range(len(mail)))) == prepare(mail).wire


@given(mails)
def test_no_line_end_but_crlf_is_ever_sent_and_the_end_mark_only_once(mail: bytes) -> None:
    wire = b"\r\n" + prepare(mail).wire
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", wire) is None
    assert wire.find(b"\r\n" + END) == len(wire) - len(END) - 2


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r"]
)
def test_a_smuggled_second_mail_stays_inside_the_first(end: bytes) -> None:
    smuggled = b"MAIL FROM:<admin@corp.example>\r\nRCPT TO:<eve@evil.example>\r\nDATA\r\nfake\r\n"
    wire = prepare(b"Subject: x\r\n\r\ntext" + end + smuggled).wire
    # However lax a server is about what ends a line, it must find no end mark before the last line.
    assert re.search(rb"[\r\n]\.[\r\n]", wire[: -len(END)]) is None
    assert received(wire).endswith(with_crlf(smuggled))


@given(mails)
def test_the_size_counts_crlf_and_neither_stuffing_nor_end_mark(mail: bytes) -> None:
    assert prepare(mail).size == len(with_crlf(mail))


@pytest.mark.parametrize(("mail", "expected"), [(b"plain\0\x7f", False), (b"caf\xe9", True), (b"", False)])
def test_eight_bit_content_is_recognised(mail: bytes, expected: bool) -> None:
    assert prepare(mail).eight_bit is expected


def test_a_clean_mail_is_sent_as_it_is() -> None:
    mail = b"Subject: x\r\n\r\nHello\r\n"
    assert prepare(mail).wire == mail + END


def test_an_encoder_accepts_empty_parts() -> None:
    encoder = ContentEncoder()
    assert (
        encoder.encode_part(b"")
        + encoder.encode_part(b"\r")
        + encoder.encode_part(b"")
        + encoder.encode_part(b"\n")
        == b"\r\n"
    )
    assert encoder.finish() == END
