from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from shared.model.ids import ALPHABET, LENGTH, RANDOM_BYTES, message_id, time_of

TIMES = st.floats(0, 2**47 / 1000)
ENTROPY = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


def test_an_id_spells_the_time_and_then_the_random_bytes() -> None:
    assert message_id(0.0, bytes) == "0" * LENGTH
    assert message_id(0.031, lambda n: b"\xff" * n) == "000000003" + "v" * 16 + "s"


@given(TIMES, ENTROPY)
def test_an_id_has_the_form_of_an_id(now: float, random: bytes) -> None:
    made = message_id(now, lambda _: random)
    assert len(made) == LENGTH
    assert set(made) <= set(ALPHABET)


@given(TIMES, ENTROPY)
def test_an_id_tells_the_millisecond_of_its_message(now: float, random: bytes) -> None:
    assert time_of(message_id(now, lambda _: random)) == int(now * 1000) / 1000


@given(TIMES, ENTROPY)
def test_an_id_is_what_the_standard_encoding_makes_of_its_bytes(now: float, random: bytes) -> None:
    octets = int(now * 1000).to_bytes(6, "big") + random
    standard = base64.b32hexencode(octets).decode().lower()
    assert message_id(now, lambda _: random) == standard[:LENGTH]


@given(TIMES, TIMES, ENTROPY, ENTROPY)
def test_ids_sort_by_their_time(earlier: float, later: float, first: bytes, second: bytes) -> None:
    if int(earlier * 1000) < int(later * 1000):
        assert message_id(earlier, lambda _: first) < message_id(later, lambda _: second)


@given(TIMES, ENTROPY, ENTROPY)
def test_other_random_bytes_make_another_id(now: float, first: bytes, second: bytes) -> None:
    same = message_id(now, lambda _: first) == message_id(now, lambda _: second)
    assert same == (first == second)
