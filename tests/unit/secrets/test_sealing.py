"""Sealing: what was sealed opens at its own place with its own key, unchanged, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.model.sealed import Sealed, SecretName
from shared.secrets.keys import SecretKey, SecretKeys
from shared.secrets.sealing import KeyMissing, SecretUnreadable, seal, unseal

KEYS = SecretKeys(SecretKey(bytes(range(32))))
NEWER = SecretKeys(SecretKey(b"n" * 32), (KEYS.current,))
NAME = SecretName("account", "acme/box", "password")
NONCE = b"n" * 12
CANARY = SecretStr("canary-4711")

texts = st.text(st.characters(codec=None, categories=None), max_size=80).map(SecretStr)
nonces = st.binary(min_size=12, max_size=12)
parts = st.text("ab/\0", max_size=4)
names = st.builds(SecretName, parts, parts, parts)


@given(names, texts, nonces)
def test_what_was_sealed_opens_unchanged(name: SecretName, text: SecretStr, nonce: bytes) -> None:
    """Any text of Python is kept, also NUL and lone surrogates."""
    assert unseal(KEYS, name, seal(KEYS, name, text, nonce)) == text


@given(names, texts, nonces)
def test_an_older_key_still_opens(name: SecretName, text: SecretStr, nonce: bytes) -> None:
    assert unseal(NEWER, name, seal(KEYS, name, text, nonce)) == text


def test_the_current_key_seals() -> None:
    assert seal(NEWER, NAME, CANARY, NONCE).key == NEWER.current.id


@given(names, names, texts)
def test_a_secret_does_not_open_in_another_row(here: SecretName, there: SecretName, text: SecretStr) -> None:
    """Nor where the names would look the same if they were just put together."""
    assume(here != there)
    with pytest.raises(SecretUnreadable, match="moved here from another row"):
        unseal(KEYS, there, seal(KEYS, here, text, NONCE))


@given(texts, st.integers(0), st.integers(1, 255))
def test_a_secret_with_any_octet_changed_does_not_open(text: SecretStr, place: int, change: int) -> None:
    sealed = seal(KEYS, NAME, text, NONCE)
    data = bytearray(sealed.data)
    data[place % len(data)] ^= change
    with pytest.raises(SecretUnreadable):
        unseal(KEYS, NAME, Sealed(sealed.key, bytes(data)))


@given(texts, st.integers(0))
def test_a_secret_that_was_cut_does_not_open(text: SecretStr, length: int) -> None:
    sealed = seal(KEYS, NAME, text, NONCE)
    with pytest.raises(SecretUnreadable):
        unseal(KEYS, NAME, Sealed(sealed.key, sealed.data[: length % len(sealed.data)]))


@given(st.binary(max_size=64))
def test_octets_that_were_never_sealed_do_not_open(data: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        unseal(KEYS, NAME, Sealed(KEYS.current.id, data))


def test_a_secret_under_another_key_that_has_the_same_id_written_beside_it_does_not_open() -> None:
    other = seal(NEWER, NAME, CANARY, NONCE)
    with pytest.raises(SecretUnreadable):
        unseal(KEYS, NAME, Sealed(KEYS.current.id, other.data))


def test_a_missing_key_is_named_with_the_section_to_give_it_in() -> None:
    sealed = seal(NEWER, NAME, CANARY, NONCE)
    with pytest.raises(KeyMissing) as missing:
        unseal(KEYS, NAME, sealed)
    sentence = str(missing.value)
    assert sentence.startswith(f"the password of account acme/box is sealed under the key {NEWER.current.id}")
    assert "[secrets]" in sentence
    assert missing.value.temporary


def test_a_secret_of_a_newer_form_is_refused_by_name() -> None:
    sealed = seal(KEYS, NAME, CANARY, NONCE)
    with pytest.raises(SecretUnreadable, match="a newer Mailferry wrote it"):
        unseal(KEYS, NAME, Sealed(sealed.key, b"\x02" + sealed.data[1:]))


@pytest.mark.parametrize("length", [0, 11, 13])
def test_a_nonce_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="12 octets"):
        seal(KEYS, NAME, CANARY, bytes(length))


def test_neither_a_sealed_secret_nor_an_error_shows_the_text() -> None:
    sealed = seal(KEYS, NAME, CANARY, NONCE)
    assert CANARY.get_secret_value().encode() not in sealed.data
    shown = [repr(sealed), str(sealed), repr(unseal(KEYS, NAME, sealed))]
    for name, keys in ((NAME._replace(id="acme/other"), KEYS), (NAME, SecretKeys(NEWER.current))):
        with pytest.raises((SecretUnreadable, KeyMissing)) as failure:
            unseal(keys, name, sealed)
        shown += [repr(failure.value), str(failure.value)]
    assert not [each for each in shown if "canary" in each or sealed.data.hex()[:20] in each]
