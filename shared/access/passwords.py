"""Passwords of people: argon2id, the rules for a new one, and the growing delay after wrong ones."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shared.model.errors import Fault, MailferryError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 12, 256
"""Characters. The longest bounds what hashing costs."""
FREE_TRIES = 3
FIRST_DELAY = 1.0
LONGEST_DELAY = 900.0
"""Seconds. A guesser gets some 100 tries in a day, and nobody can lock a person out for long."""


class PasswordUnusable(MailferryError):
    """A new password is too short, or longer than any password."""

    temporary = False
    fault = Fault.OPERATOR


def checked_password(password: str) -> str:
    """Return a new password. Raises `PasswordUnusable`."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordUnusable(f"a password has {SHORTEST} to {LONGEST} characters")
    return password


def hash_password(password: str) -> str:
    """Return what is stored of a password. Takes some 50 ms of CPU and 64 MiB, so call it in a thread."""
    return _hasher().hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Return whether `password` is the stored one.

    Where nothing is stored, it takes as long and is wrong, so the time does not tell who exists.
    """
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - see `_hasher`

    try:
        _hasher().verify(stored if stored is not None else _decoy(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def delay_after(failures: int) -> float:
    """Return for how many seconds nobody can sign in after so many wrong passwords in a row."""
    if failures < FREE_TRIES:
        return 0.0
    return min(FIRST_DELAY * 2.0 ** min(failures - FREE_TRIES, 20), LONGEST_DELAY)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # noqa: PLC0415 - only the control service needs it

    return PasswordHasher()  # argon2id by RFC 9106's second recommendation: 64 MiB, 3 passes, 4 lanes


@cache
def _decoy() -> str:
    return _hasher().hash("nobody has this password")
