"""Which of the events that a service holds are handled together, and which beside them.

Flows of which much waits take turns in their batches, of which as many can be under way as the appetite says.
Beside these there is one of the flows of which little waits. So who has a single mail shares neither the
batch of who has thousands nor has to wait until that is done, and what little there is of a flow is not
overtaken by what comes later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.runtime.batch_policy import BatchPolicy

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Batch(Generic[T]):
    """Things of these flows; `long` if much waits there."""

    things: Sequence[T]
    flows: frozenset[str]
    long: bool


class FairScheduler(Generic[T]):
    """Of things that wait, in batches as large as the appetite says."""

    def __init__(self, appetite: BatchPolicy) -> None:
        self._appetite = appetite
        self._flows: dict[str, deque[T]] = {}
        self._under_way: set[Batch[T]] = set()

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
        """Begin the batches that can begin now; of what is much no more than one, as two that began together
        would be written together, and nothing would be left to work on. Much that waits is to wait on if it
        has to be a `full` batch and is none.
        """
        begun = []
        for long in (False, True):
            ready = self._ready(long=long)
            if long and full and sum(len(self._flows[flow]) for flow in ready) < self._appetite.batch:
                continue
            if ready:
                batch = self._taken(ready, long)
                self._under_way.add(batch)
                begun.append(batch)
        return begun

    def ended(self, batch: Batch[T]) -> None:
        """A batch is done."""
        self._under_way.remove(batch)

    def _ready(self, *, long: bool) -> list[str]:
        """The flows of which much waits, or little, if another such batch can be under way."""
        alike = sum(batch.long == long for batch in self._under_way)
        if alike >= (self._appetite.at_once if long else 1):
            return []
        apart = (batch for batch in self._under_way if not (long and batch.long))
        busy = {flow for batch in apart for flow in batch.flows}
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
