"""A compressed stream in both directions: in any pieces, cut, false, and inflating to gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.deflate import MOST_AT_ONCE, MOST_WITHOUT_OUTPUT, Deflater, Inflater
from shared.model.source_errors import SourceViolation
from tests.unit.imap.cores import by_octet, cut_at

MIB = 1024 * 1024
FLUSHED = b"* 1 EXISTS\r\n"


def compressed(*pieces: bytes, end: bool = False) -> bytes:
    """What a server sends that flushes behind each piece."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    sent = [compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return b"".join([*sent, compressor.flush(zlib.Z_FINISH) if end else b""])


def inflated(pieces: Iterable[bytes]) -> bytes:
    inflater = Inflater("imap.example")
    came = b""
    for piece in pieces:
        inflater.add(piece)
        while taken := inflater.take():
            assert len(taken) <= MOST_AT_ONCE
            came += taken
    return came


@given(st.lists(st.binary(max_size=2000), max_size=5), st.lists(st.integers(0, 10_000), max_size=8))
def test_the_same_octets_come_out_whatever_the_pieces(sent: list[bytes], places: list[int]) -> None:
    stream = compressed(*sent)
    assert inflated(cut_at(stream, [place % (len(stream) + 1) for place in places])) == b"".join(sent)


@given(st.binary(max_size=500))
def test_octets_may_come_one_by_one(sent: bytes) -> None:
    assert inflated(by_octet(compressed(sent))) == sent


@given(st.lists(st.binary(max_size=2000), max_size=5))
def test_a_server_can_inflate_each_piece_as_soon_as_it_has_it(sent: list[bytes]) -> None:
    deflater, server = Deflater(), zlib.decompressobj(-zlib.MAX_WBITS)
    for piece in sent:
        assert server.decompress(deflater.deflate(piece)) == piece


def test_nothing_is_sent_for_nothing() -> None:
    assert Deflater().deflate(b"") == b""


def test_commands_that_repeat_become_short() -> None:
    deflater = Deflater()
    commands = [b"x7%d UID FETCH %d (UID BODY.PEEK[])\r\n" % (n, 1000 + n) for n in range(50)]
    assert sum(len(deflater.deflate(each)) for each in commands) < sum(map(len, commands)) / 2


@given(st.binary(max_size=300))
def test_garbage_becomes_a_violation_or_octets_and_nothing_else(garbage: bytes) -> None:
    with suppress(SourceViolation):
        inflated([garbage])


def test_what_is_no_compressed_stream_is_a_violation() -> None:
    with pytest.raises(SourceViolation, match="cannot be inflated"):
        inflated([b"\xff\xff" + FLUSHED])


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("last", [b"", FLUSHED])
def test_octets_behind_the_end_of_the_stream_are_a_violation(pieces: int, last: bytes) -> None:
    stream = compressed(last, end=True)
    with pytest.raises(SourceViolation, match="behind the end"):
        inflated([stream + b"more"] if pieces == 1 else [stream, b"more"])


def test_a_stream_may_end_in_good_order() -> None:
    assert inflated([compressed(FLUSHED, end=True)]) == FLUSHED


@given(st.integers(0, 5000))
def test_a_truncated_stream_gives_what_was_whole_and_no_error(place: int) -> None:
    sent = bytes(range(256)) * 16
    stream = compressed(sent)
    assert sent.startswith(inflated([stream[: place % len(stream)]]))


@pytest.mark.parametrize("size", [MOST_AT_ONCE - 1, MOST_AT_ONCE, MOST_AT_ONCE + 1, 3 * MOST_AT_ONCE + 7])
def test_no_octet_is_held_back_where_a_piece_is_as_large_as_may_be(size: int) -> None:
    assert inflated([compressed(b"\x00" * size)]) == b"\x00" * size


def test_a_small_piece_that_inflates_to_gigabytes_is_inflated_bit_by_bit() -> None:
    bomb = compressed(*[b"\x00" * MIB] * 200)
    assert len(bomb) < MIB
    inflater = Inflater("imap.example")
    inflater.add(bomb)
    assert [len(inflater.take()) for _ in range(3)] == [MOST_AT_ONCE] * 3


def test_octets_that_inflate_to_nothing_without_end_are_a_violation() -> None:
    flushes = b"\x00\x00\x00\xff\xff" * (MOST_WITHOUT_OUTPUT // 5 + 2)
    with pytest.raises(SourceViolation, match="inflate to nothing"):
        inflated([compressed(FLUSHED), flushes[:1000], flushes[1000:]])


def test_a_few_flushes_are_no_violation() -> None:
    flushes = b"\x00\x00\x00\xff\xff" * 1000
    assert inflated([compressed(FLUSHED), flushes, compressed(FLUSHED)]) == FLUSHED * 2
