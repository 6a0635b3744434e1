"""Passwords are kept as argon2id, and wrong ones cost more and more time."""

from __future__ import annotations

import pytest

from shared.access.passwords import (
    FREE_TRIES,
    LONGEST_DELAY,
    PasswordUnusable,
    checked_password,
    delay_after,
    hash_password,
    is_password,
)


def test_a_password_is_kept_as_argon2id() -> None:
    stored = hash_password("a long password")
    assert stored.startswith("$argon2id$")
    assert is_password(stored, "a long password")
    assert not is_password(stored, "a long passwort")


def test_nothing_is_the_password_of_nobody() -> None:
    assert not is_password(None, "nobody has this password")
    assert not is_password("!", "")


def test_the_delay_grows_up_to_a_bound() -> None:
    delays = [delay_after(failures) for failures in range(60)]
    assert delays[:FREE_TRIES] == [0.0] * FREE_TRIES
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 257])
def test_a_new_password_has_a_length(password: str) -> None:
    with pytest.raises(PasswordUnusable):
        checked_password(password)
