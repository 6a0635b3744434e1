"""A connection pool for each target, with a bounded number of mails.

A slow or dead target fills its own pool and no other. Mail for a target whose pool is full is postponed
without an attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from shared.model.errors import Fault, MailferryError
from shared.model.target import Target
from shared.net.protection import Shortfall
from shared.ports.clock import Clock
from shared.ports.tokens import NO_GRANTS, GrantTokens
from shared.smtp.client import SmtpClient
from shared.smtp.envelope import Content, Envelope, RecipientReply
from shared.smtp.pool import ConnectionPool, PoolLimits
from shared.smtp.target import connect_target

QUICK = 5.0
"""Seconds. A target that accepts a mail sooner than this is not slow."""


LearnProtection = Callable[[str, Shortfall | None], None]


def _learn_nothing(_target: str, _shortfall: Shortfall | None) -> None:
    return


class UnknownTarget(MailferryError):
    """The target that the mail is for is not in the registry, or cannot be used."""

    fault = Fault.OPERATOR


class TargetPools:
    """The pools of a relay, each with at most `capacity` mails at a time.

    A single target has nobody to delay, so while it is quick it may have more: a relay on RabbitMQ holds more
    mails than it asked for, and a postponed mail comes back later than it would have been delivered.

    No mail waits longer than `longest_wait` seconds for a connection: an attempt that has not begun to send
    when the message's lease is over would be made a second time. `learn_protection` is called for each
    connection with what it lacks of the TLS that was wanted.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        *,
        helo_name: str,
        capacity: int,
        clock: Clock,
        longest_wait: float | None = None,
        learn_protection: LearnProtection = _learn_nothing,
        grants: GrantTokens = NO_GRANTS,
    ) -> None:
        self._grants = grants
        self._learn_protection = learn_protection
        self._helo_name = helo_name
        self._capacity = capacity
        self._clock = clock
        self._longest_wait = longest_wait
        self._targets = targets
        self._pools: dict[str, tuple[Target, ConnectionPool]] = {}
        self._replaced: list[ConnectionPool] = []

    def is_busy(self, target: str) -> bool:
        """Whether mail for `target` has to be postponed."""
        pool = self._pool(target)
        if pool is None or pool.mails < self._capacity:
            return False
        return len(self._targets) > 1 or pool.oldest_age >= QUICK

    def oldest_age(self, target: str) -> float:
        """Seconds since the oldest mail that waits for `target`, or is being sent to it, came."""
        pool = self._pool(target)
        return 0.0 if pool is None else pool.oldest_age

    async def deliver_mail(
        self, target: str, envelope: Envelope, content: Content
    ) -> Sequence[RecipientReply]:
        """Send to `target`. Raises `UnknownTarget`, and what the SMTP client raises."""
        pool = self._pool(target)
        if pool is None:
            raise UnknownTarget(f"target {target} is not in the registry, or cannot be used")
        return await pool.deliver_mail(envelope, content)

    def connections(self) -> tuple[int, int]:
        """Return how many connections are in use or being opened, and how many are kept for later."""
        pools = [*self._replaced, *(pool for _, pool in self._pools.values())]
        return sum(each.busy for each in pools), sum(each.idle for each in pools)

    async def close_idle_connections(self) -> None:
        """Close the connections that were idle for too long, and those of targets as they were before."""
        while self._replaced:
            await self._replaced.pop().close()
        for name, (_, pool) in [*self._pools.items()]:
            await pool.close_idle_connections()
            current = self._pools.get(name)
            if pool.is_unused and current is not None and current[1] is pool:
                del self._pools[name]

    async def close(self) -> None:
        """Close the connections to all targets."""
        for pool in [*self._replaced, *(pool for _, pool in self._pools.values())]:
            await pool.close()

    def _pool(self, name: str) -> ConnectionPool | None:
        """The pool of a target as it is now; None where there is no such target.

        A target that is not at hand any more keeps its pool: it was used when its mail came.
        """
        target, known = self._targets.get(name), self._pools.get(name)
        if known is not None and target in (None, known[0]):
            return known[1]
        if target is None:
            return None
        if known is not None:
            self._replaced.append(known[1])
        pool = self._new_pool(target)
        self._pools[name] = target, pool
        return pool

    def _new_pool(self, target: Target) -> ConnectionPool:
        async def open_connection() -> SmtpClient:
            client = await connect_target(target, helo_name=self._helo_name, grants=self._grants)
            self._learn_protection(target.name, client.shortfall)
            return client

        options = target.delivery_options
        limits = PoolLimits(
            connections=target.connections,
            mails=options.connection_mails,
            age=options.connection_age,
            longest_wait=self._longest_wait,
        )
        return ConnectionPool(target.endpoint, limits, connect=open_connection, clock=self._clock.monotonic)
