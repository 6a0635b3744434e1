"""The accounts that are due and wait for room at their hosts, or for their tenants, as a process knows them.

A host that is full may have more accounts that are due than can be read at each look. So they are read once,
in portions, in the order in which they can be leased, and kept here: some 300 octets each. A look then reads
only what came since the last one. What is known here may be out of date, as other processes lease accounts
too: whoever leases one looks at its row. All accounts are read again every `REREAD_EVERY` seconds, which
finds those that came with an earlier time than what was read already: written by a clock that is behind, or
by a transaction that took long. Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from shared.model.tenant_room import tenant_of

OVERLAP = 2.0
"""Seconds. As often, what became due since then is read again, for writers whose clock is behind or that take
long."""
REREAD_EVERY = 120.0
"""Seconds. Reading 90,000 accounts takes half a second of CPU, in portions."""


class Position(NamedTuple):
    """A place in the order in which accounts can be leased."""

    ready_at: float
    account: str


class Waiting(NamedTuple):
    """An account that can be leased from `ready_at`."""

    ready_at: float
    account: str
    host: str


class Portion(NamedTuple):
    """Accounts that were read, in their order, `after` a position. `is_last`: there were no more."""

    after: Position | None
    accounts: Sequence[Waiting]
    is_last: bool


class Backlog:
    """What one process knows: nothing at first."""

    def __init__(self) -> None:
        self._known: dict[str, Waiting] = {}
        self._queues: dict[str, dict[str, list[Waiting]]] = {}
        """By host and tenant: a heap each. An entry that is not in `_known` any more does not count."""
        self._read_until: Position | None = None
        self._is_complete = False
        self._rereading_after: Position | None = None
        self._rereads = False
        self._reread_at = self._step_back_at = 0.0

    def __len__(self) -> int:
        return len(self._known)

    @property
    def read_until(self) -> Position | None:
        """After which position nothing was read yet."""
        return self._read_until

    @property
    def is_complete(self) -> bool:
        """Whether all that was due at the last look was read."""
        return self._is_complete

    def positions(self, now: float) -> Sequence[Position | None]:
        """Return after which positions portions are to be read at a look at this time."""
        if self._is_complete and not self._rereads and now >= self._reread_at:
            self._rereads, self._rereading_after = True, None
        if self._is_complete and now >= self._step_back_at:
            self._step_back_at = now + OVERLAP
            self._read_until = Position(now - 2 * OVERLAP, "")
        return [self._read_until, self._rereading_after] if self._rereads else [self._read_until]

    def add_portions(self, portions: Sequence[Portion], now: float) -> None:
        """Remember what was read at a look, in the order of `positions`."""
        news, *reread = portions
        for portion in portions:
            self._add(portion.accounts)
        if news.is_last:
            if not self._is_complete:
                self._is_complete = True
                self._reread_at, self._step_back_at = now + REREAD_EVERY, now + OVERLAP
            self._read_until = Position(now, "")
        else:
            self._read_until = _end(news)
        for portion in reread:
            end = self._rereading_after = _end(portion)
            if portion.is_last or end is None or end >= (self._read_until or end):
                self._rereads, self._reread_at = False, now + REREAD_EVERY

    def forget(self, accounts: Iterable[str]) -> None:
        """Forget accounts that were leased, or that are not due any more."""
        for each in accounts:
            self._known.pop(each, None)

    def most_overdue(self, closed: Container[str], full_tenants: Container[str]) -> Iterator[Waiting]:
        """Yield what waits at hosts that are not `closed`, of tenants with room, in its order.

        `closed` and `full_tenants` may grow meanwhile. Nothing is forgotten.
        """
        heap = [
            (queue[0], 0, queue)
            for host, tenants in [*self._queues.items()]
            if host not in closed
            for tenant in [*tenants]
            if tenant not in full_tenants and (queue := self._pruned(host, tenant))
        ]
        heapq.heapify(heap)
        while heap:
            waiting, index, queue = heapq.heappop(heap)
            if waiting.host in closed or tenant_of(waiting.account) in full_tenants:
                continue
            if self._known.get(waiting.account) == waiting:
                yield waiting
            for child in (2 * index + 1, 2 * index + 2):
                if child < len(queue):
                    heapq.heappush(heap, (queue[child], child, queue))

    def first_at(self, host: str) -> Waiting | None:
        """Return what has waited at `host` for longest; None where nothing does."""
        others = self._queues.keys() - {host}
        return next(iter(self.most_overdue(others, ())), None)

    def _add(self, accounts: Iterable[Waiting]) -> None:
        for each in accounts:
            if self._known.get(each.account) != each:
                self._known[each.account] = each
                queues = self._queues.setdefault(each.host, {})
                heapq.heappush(queues.setdefault(tenant_of(each.account), []), each)

    def _pruned(self, host: str, tenant: str) -> list[Waiting]:
        """Return a queue without forgotten accounts at its head; empty where there are no others."""
        tenants = self._queues[host]
        queue = tenants[tenant]
        while queue and self._known.get(queue[0].account) != queue[0]:
            heapq.heappop(queue)
        if not queue:
            del tenants[tenant]
            if not tenants:
                del self._queues[host]
        return queue


def _end(portion: Portion) -> Position | None:
    """The position after which the next portion begins."""
    if not portion.accounts:
        return portion.after
    last = portion.accounts[-1]
    return Position(last.ready_at, last.account)
