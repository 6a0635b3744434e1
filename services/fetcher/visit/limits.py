"""The bounds of a visit."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a visit: mails and octets on their way per account, patience in seconds for settlements.

    `longest_lease` is how many seconds ahead the lease of a mail can end. With `wait_always` the visit waits
    for settlements even where a copy stays at the source.
    """

    window_messages: int = 500
    window_octets: int = 32 * 1024 * 1024
    inline_limit: int = 256 * 1024
    message_lease: float = 900.0
    longest_lease: float = inf
    settle_wait: float = 10.0
    longest_wait: float = 60.0
    wait_always: bool = False
