"""The limits of a visit."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a visit; times in seconds.

    `window_messages` and `window_octets`: mails of the account that may be on their way at once.
    `inline_limit`: octets of a mail up to which its event carries it. `message_lease`: the lease of a mail.
    `longest_lease`: how far ahead such a lease can end at most. `settle_wait`: the wait for one more
    settlement; `longest_wait`: for all. With `wait_always` the visit waits for settlements even where a copy
    stays at the source.
    """

    window_messages: int = 500
    window_octets: int = 32 * 1024 * 1024
    inline_limit: int = 256 * 1024
    message_lease: float = 900.0
    longest_lease: float = inf
    settle_wait: float = 10.0
    longest_wait: float = 60.0
    wait_always: bool = False
