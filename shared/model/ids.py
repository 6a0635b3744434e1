"""Names for messages: unique without asking anybody, and in the order of their time.

An id is 26 characters of base 32 in its order-preserving alphabet (RFC 4648 section 7, in lower case): 48
bits of milliseconds and 80 random bits. It appears in `X-Mailferry-ID`, in `trace` and as a key; the
order of time keeps the database's indexes dense.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
LENGTH = 26
TIME_BYTES = 6
RANDOM_BYTES = 10


def message_id(now: float, entropy: Callable[[int], bytes]) -> str:
    """A new id for a message fetched at `now` (seconds since the epoch); `entropy(n)` gives n random
    bytes.
    """
    number = int(now * 1000).to_bytes(TIME_BYTES, "big") + entropy(RANDOM_BYTES)
    return base64.b32hexencode(number)[:LENGTH].decode("ascii").lower()


def is_message_id(text: str) -> bool:
    """Whether `text` has the form of an id made here."""
    return len(text) == LENGTH and set(text) <= set(ALPHABET)
