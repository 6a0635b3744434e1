"""Which of the events that a service holds are handled together, and which beside them.

Two batches can be under way: one of the flows of which much waits, in turn, and one of those of which little
does. So who has a single mail shares neither the batch of who has thousands nor has to wait until that is
done. A flow is in one batch at a time, which keeps its order; with one flow alone there is one batch at a
time, as large as it can be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Generic, TypeVar

LITTLE = 10
"""Little is a tenth of a batch."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Things of these flows; `long` if much waits there."""

    things: Sequence[T]
    flows: frozenset[str]
    long: bool


class Dispatch(Generic[T]):
    """Of things that wait; a batch has at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._little = max(1, limit // LITTLE)
        self._flows: dict[str, deque[T]] = {}
        self._under_way: dict[bool, Batch[T]] = {}

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._flows.values()))

    def add(self, flow: str, thing: T) -> None:
        """Wait behind what waits of the flow."""
        self._flows.setdefault(flow, deque()).append(thing)

    def begun(self) -> Sequence[Batch[T]]:
        """Begin the batches that can begin now."""
        begun = []
        for long in (False, True):
            if long in self._under_way:
                continue
            ready = [flow for flow, things in self._flows.items() if self._may_begin(flow, things, long)]
            if ready:
                batch = self._under_way[long] = self._taken(ready, long)
                begun.append(batch)
        return begun

    def ended(self, batch: Batch[T]) -> None:
        """A batch is done."""
        del self._under_way[batch.long]

    def _may_begin(self, flow: str, things: Sized, long: bool) -> bool:
        if any(flow in batch.flows for batch in self._under_way.values()):
            return False
        return (len(things) > self._little) == long

    def _taken(self, ready: Sequence[str], long: bool) -> Batch[T]:
        """As much as fits, from these flows in turn."""
        things: list[T] = []
        flows: set[str] = set()
        turns = deque(ready)
        while turns and len(things) < self._limit:
            flow = turns.popleft()
            waiting = self._flows[flow]
            things.append(waiting.popleft())
            flows.add(flow)
            if waiting:
                turns.append(flow)
            else:
                del self._flows[flow]
        return Batch(things, frozenset(flows), long)
