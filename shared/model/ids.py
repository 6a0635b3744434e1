"""Names for messages: unique without asking anybody, and in the order of their time.

An id is 26 characters of Crockford's base 32: 48 bits of milliseconds and 80 random bits. It appears in
`X-Mailferry-ID`, in `trace` and as a key; the order of time keeps the database's indexes dense.
"""

from __future__ import annotations

from collections.abc import Callable

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 26
RANDOM_BYTES = 10


def message_id(now: float, entropy: Callable[[int], bytes]) -> str:
    """A new id for a message fetched at `now` (seconds since the epoch); `entropy(n)` gives n random
    bytes.
    """
    number = int(now * 1000) << 80 | int.from_bytes(entropy(RANDOM_BYTES), "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_message_id(text: str) -> bool:
    """Whether `text` has the form of an id made here."""
    return len(text) == LENGTH and set(text) <= set(ALPHABET)
