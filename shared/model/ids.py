"""Ids of messages: unique without coordination, and sorted by time.

An id has 26 characters of base 32 in its order-preserving alphabet (RFC 4648 section 7, in lower case): 48
bits of milliseconds and 80 random bits. It appears in `X-Mailferry-ID`, in `trace` and as a key. The order
of time keeps the database's indexes dense.
"""

from __future__ import annotations

from collections.abc import Callable

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
LENGTH = 26
RANDOM_BYTES = 10
PADDING = 2
_DIGITS = ALPHABET.encode("ascii").ljust(256)
_HALVES = (16, 8, 4, 2, 1)


def _every(bits: int, width: int) -> int:
    """Return a mask of the lower `bits` of each `width` bits."""
    return sum((1 << bits) - 1 << at for at in range(0, 256, width))


_SPREADING = [
    (_every(5 * half, 16 * half), _every(5 * half, 16 * half) << 5 * half, 3 * half) for half in _HALVES
]
"""How all digits of five bits get an octet each at once: in each run of digits, the upper half moves up,
until a run is one digit. The standard library's encoder takes several times as long.
"""


def time_of(message: str) -> float:
    """Return when the message with this id was first fetched, in seconds since the epoch."""
    return (int(message, 32) >> PADDING + 8 * RANDOM_BYTES) / 1000


def message_id(now: float, entropy: Callable[[int], bytes]) -> str:
    """Return a new id for a message fetched at `now` (seconds since the epoch).

    `entropy(n)` returns n random octets.
    """
    number = int(now * 1000) << 8 * RANDOM_BYTES | int.from_bytes(entropy(RANDOM_BYTES), "big")
    digits = number << PADDING
    for lower, upper, distance in _SPREADING:
        digits = digits & lower | (digits & upper) << distance
    return digits.to_bytes(LENGTH, "big").translate(_DIGITS).decode("ascii")
