"""Secrets that are given out have 256 random bits, and only their digests are stored."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.access.tokens import TOKEN_MARK, csrf_token, digest_of, is_csrf_token, is_well_formed, mint


def test_a_new_token_is_known_by_its_beginning_and_its_digest() -> None:
    minted = mint(random.Random(1).randbytes, TOKEN_MARK)
    assert minted.secret.startswith(minted.prefix)
    assert len(minted.prefix) == len(TOKEN_MARK) + 8
    assert minted.digest == digest_of(minted.secret)
    assert minted.secret not in minted.digest
    assert is_well_formed(minted.secret, TOKEN_MARK)


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert not is_well_formed(text + "=", TOKEN_MARK)
    assert len(digest_of(text)) == 64
    assert not is_csrf_token("session", text)


def test_a_csrf_token_belongs_to_one_session() -> None:
    assert is_csrf_token("one", csrf_token("one"))
    assert not is_csrf_token("two", csrf_token("one"))
