"""Bounds of the connections to RabbitMQ. Times are seconds, sizes octets."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class RabbitMqSettings:
    """`window` and `window_bytes` bound what is published and not confirmed; one publication always goes.

    `confirm_timeout`: time without a confirm after which a publication fails. `outage_grace`: how long a
    publication waits for a lost connection. `largest_event` is below RabbitMQ 4's limit of 16 MiB.
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
