"""The board where `message.settled` hints arrive and sessions wait for them.

A hint only ends a wait early; whether a mail is settled, the database says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.tenant_quotas import TenantQuotas
from shared.ports.clock import Clock


class SettlementTracker:
    """All watches of a process, and what is on its way of its `tenants`."""

    def __init__(self, clock: Clock, tenants: TenantQuotas | None = None) -> None:
        self.tenants = tenants or TenantQuotas(clock)
        self._clock = clock
        self._watches: dict[str, PendingSet] = {}
        self._last_post = clock.monotonic()

    def __len__(self) -> int:
        """How many mails are waited for."""
        return len(self._watches)

    def watch(self, watch: PendingSet, messages: Iterable[str]) -> None:
        """Have hints for `messages` posted to `watch`. Call it before the messages are published."""
        for message in messages:
            watch.outstanding.add(message)
            self._watches[message] = watch

    def post(self, messages: Sequence[str]) -> None:
        """A hint came; of what no session waits for any more, it is forgotten."""
        self._last_post = self._clock.monotonic()
        for message in messages:
            watch = self._watches.pop(message, None)
            if watch is not None:
                watch.post(message)
        self.tenants.leave(messages)

    def end_waits(self) -> None:
        """End every wait under way: what is settled later is deleted by a later visit."""
        for watch in set(self._watches.values()):
            watch.end_waits()
        self.tenants.end_waits()

    def forget(self, watch: PendingSet) -> None:
        """The session is over."""
        for message in watch.outstanding:
            self._watches.pop(message, None)
        watch.outstanding.clear()

    async def all_settled(self, watch: PendingSet, patience: float, longest: float) -> bool:
        """Wait until nothing of `watch` is outstanding; False where that is given up.

        It is given up after `longest` seconds, and when for `patience` seconds no hint came for anybody: as
        long as others make progress, one's own mails may only be standing behind theirs.
        """
        begun = self._clock.monotonic()
        while watch.outstanding:
            now = self._clock.monotonic()
            remaining = min(begun + longest, max(begun, self._last_post) + patience) - now
            if remaining <= 0 or watch.ended:
                return False
            await watch.news(remaining)
        return True
