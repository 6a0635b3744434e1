"""Which of the events that a service holds are handled together, and which beside them.

Two batches can be under way: one of the flows of which much waits, in turn, and one of those of which little
does. So who has a single mail shares neither the batch of who has thousands nor has to wait until that is
done. A flow is in one batch at a time, which keeps its order; with one flow alone there is one batch at a
time, as large as it can be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.ops.appetite import Appetite

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Things of these flows; `long` if much waits there."""

    things: Sequence[T]
    flows: frozenset[str]
    long: bool


class Dispatch(Generic[T]):
    """Of things that wait, in batches as large as the appetite says."""

    def __init__(self, appetite: Appetite) -> None:
        self._appetite = appetite
        self._flows: dict[str, deque[T]] = {}
        self._under_way: dict[bool, Batch[T]] = {}

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._flows.values()))

    def add(self, flow: str, thing: T) -> None:
        """Wait behind what waits of the flow."""
        self._flows.setdefault(flow, deque()).append(thing)

    @property
    def has_much(self) -> bool:
        """Whether there are flows of which much waits."""
        return any(self._appetite.is_much(len(things)) for things in self._flows.values())

    def begun(self, *, full: bool = False) -> Sequence[Batch[T]]:
        """Begin the batches that can begin now. Much that waits is to wait on if it has to be a `full` batch
        and is none.
        """
        begun = []
        for long in (False, True):
            ready = self._ready(long=long)
            if long and full and sum(len(self._flows[flow]) for flow in ready) < self._appetite.batch:
                continue
            if ready:
                batch = self._under_way[long] = self._taken(ready, long)
                begun.append(batch)
        return begun

    def ended(self, batch: Batch[T]) -> None:
        """A batch is done."""
        del self._under_way[batch.long]

    def _ready(self, *, long: bool) -> list[str]:
        """The flows of which much waits, or little, if there is no such batch under way."""
        if long in self._under_way:
            return []
        busy = {flow for batch in self._under_way.values() for flow in batch.flows}
        much = self._appetite.is_much
        return [
            flow for flow, things in self._flows.items() if flow not in busy and much(len(things)) == long
        ]

    def _taken(self, ready: Sequence[str], long: bool) -> Batch[T]:
        """As much as fits, from these flows in turn."""
        things: list[T] = []
        flows: set[str] = set()
        turns = deque(ready)
        while turns and len(things) < self._appetite.batch:
            flow = turns.popleft()
            waiting = self._flows[flow]
            things.append(waiting.popleft())
            flows.add(flow)
            if waiting:
                turns.append(flow)
            else:
                del self._flows[flow]
        return Batch(things, frozenset(flows), long)
