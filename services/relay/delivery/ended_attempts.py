"""Attempts that have ended wait here for their outcomes to be recorded together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.contract.events import MessageRouted
from shared.custody.commands import Outcomes
from shared.model.batcher import BatchQueue
from shared.ports.broker import Subscription
from shared.ports.clock import Clock
from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.consumer import Received

ONE_FLOW = ""


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """An attempt that ended: the event it was made for, the outcomes, and where the delivery is to be
    acknowledged.
    """

    received: Received[MessageRouted]
    outcomes: Outcomes
    subscription: Subscription


class EndedAttempts:
    """Hands out ended attempts in the order of their ends, in batches as `policy` says."""

    def __init__(self, clock: Clock, policy: BatchPolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._waiting: BatchQueue[EndedAttempt] = BatchQueue(clock.sleep)
        self._active = 0
        self._hurries = 0
        self._latest: EndedAttempt | None = None

    def begun(self) -> None:
        """Record that an attempt has begun."""
        self._active += 1

    def add(self, ended: EndedAttempt) -> None:
        """Record that an attempt has ended."""
        self._active -= 1
        self._latest = ended
        self._waiting.add_item(ONE_FLOW, ended)
        if not self._can_grow:
            self._waiting.end_lingering()

    async def batch(self) -> list[EndedAttempt]:
        """Wait for attempts that have ended, and return up to a batch of them."""
        policy, waiting = self._policy, self._waiting
        await waiting.wait_for_first()
        await self._clock.sleep(policy.linger)
        if policy.fill_wait > 0 and policy.is_large(len(waiting)) and self._can_grow and not self._hurries:
            await waiting.linger(policy.batch, policy.fill_wait)
        return waiting.take_batch(policy.batch)

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Let no batch wait to be full while inside."""
        self._hurries += 1
        self._waiting.end_lingering()
        try:
            yield
        finally:
            self._hurries -= 1

    @property
    def _can_grow(self) -> bool:
        """Whether more attempts can end before one of those that wait is acknowledged."""
        return self._active > 0 and not (self._latest and self._latest.subscription.is_full)
