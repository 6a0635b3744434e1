"""What can be set about the connections to RabbitMQ. Times are seconds, sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class RabbitMqSettings:
    """The bounds within which the adapter works.

    `window` and `window_bytes` bound what is published but not confirmed; at least one publication always
    goes. `confirm_timeout` is how long no confirm may come before a publication fails, and `outage_grace`
    how long a publication waits for a lost connection to come back. `largest_event` stays below what
    RabbitMQ 4 takes.
    """

    window: int = 1000
    window_bytes: int = 32 * MIB
    confirm_timeout: float = 30.0
    outage_grace: float = 5.0
    largest_event: int = 15 * MIB
    connect_timeout: float = 10.0
    answer_timeout: float = 15.0
    close_timeout: float = 5.0
    heartbeat: int = 30
    blocked_timeout: float = 600.0
    backoff_first: float = 0.2
    backoff_longest: float = 15.0
