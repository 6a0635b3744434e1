"""Keys: how they are written, told apart, and never shown."""

from __future__ import annotations

import base64
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.secrets.keys import SecretKey, SecretKeys, UnusableKey, parse_keys, written_keys

octets = st.binary(min_size=32, max_size=32)
NEW, OLD = SecretKey(bytes(range(32))), SecretKey(b"o" * 32)


@given(st.lists(octets, min_size=1, max_size=4, unique=True))
def test_keys_are_read_as_they_were_written_the_current_one_first(raw: list[bytes]) -> None:
    keys = tuple(map(SecretKey, raw))
    assert parse_keys(written_keys(keys).get_secret_value()) == keys


@given(octets, octets)
def test_different_keys_have_different_ids(one: bytes, other: bytes) -> None:
    assert (SecretKey(one).id == SecretKey(other).id) == (one == other)


def test_an_id_is_twelve_digits_and_stays_the_same_for_ever() -> None:
    """It stands in the database."""
    assert NEW.id == "962fcf11170d"


@given(octets)
def test_no_repr_shows_anything_of_a_key(raw: bytes) -> None:
    key = SecretKey(raw)
    assert key.cipher is not None
    for shown in (repr(key), str(key), repr(SecretKeys(key, (OLD,))), repr(written_keys([key]))):
        for betraying in (base64.b64encode(raw).decode()[:8], raw.hex()[:8], repr(raw[:6])[1:]):
            assert betraying not in shown


def test_keys_of_one_text_may_stand_in_one_line_and_a_repeated_one_counts_once() -> None:
    written = NEW.written.get_secret_value()
    assert parse_keys(f"  {written} {written}\r\n{OLD.written.get_secret_value()}") == (NEW, OLD)


@pytest.mark.parametrize(
    "text", ["", " \n", "geheim", "ab" * 32, base64.b64encode(b"x" * 31).decode(), "ä" * 44, NEW.id]
)
def test_what_is_no_key_is_refused_by_a_sentence_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(UnusableKey) as refusal:
        parse_keys(text)
    assert not text.strip() or text not in str(refusal.value)


def test_keys_are_found_by_their_ids() -> None:
    assert SecretKeys(NEW, (OLD,)).by_id == {NEW.id: NEW, OLD.id: OLD}


def test_a_key_is_the_same_after_a_copy() -> None:
    assert pickle.loads(pickle.dumps(NEW)) == NEW  # noqa: S301 - our own octets
