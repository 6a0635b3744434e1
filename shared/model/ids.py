"""Names for messages: unique without asking anybody, and in the order of their time.

An id is 26 characters of base 32 in its order-preserving alphabet (RFC 4648 section 7, in lower case): 48
bits of milliseconds and 80 random bits. It appears in `X-Mailferry-ID`, in `trace` and as a key; the
order of time keeps the database's indexes dense.
"""

from __future__ import annotations

from collections.abc import Callable

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
LENGTH = 26
RANDOM_BYTES = 10
PADDING = 2
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
"""Two characters, for ten bits, at a time: the standard library's encoder takes several times as long."""
SHIFTS = range(5 * LENGTH - 10, -1, -10)


def message_id(now: float, entropy: Callable[[int], bytes]) -> str:
    """A new id for a message fetched at `now` (seconds since the epoch); `entropy(n)` gives n random
    bytes.
    """
    number = int(now * 1000) << 8 * RANDOM_BYTES | int.from_bytes(entropy(RANDOM_BYTES), "big")
    padded = number << PADDING
    return "".join([PAIRS[padded >> shift & 1023] for shift in SHIFTS])


def is_message_id(text: str) -> bool:
    """Whether `text` has the form of an id made here."""
    return len(text) == LENGTH and set(text) <= set(ALPHABET)
