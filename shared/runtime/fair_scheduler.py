"""Which of the events that a service holds are processed together, and which at the same time.

A flow with a large backlog shares batches with others of its kind. Beside these there is one batch for the
flows with a small backlog. So a tenant with a single mail neither shares a batch with one that has thousands
nor waits until that is done. The events of a flow with a small backlog keep their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.model.fair_queue import FairQueue
from shared.runtime.batch_policy import BatchPolicy

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Batch(Generic[T]):
    """Events of these flows; `is_large` where their backlogs are."""

    events: Sequence[T]
    flows: frozenset[str]
    is_large: bool


class FairScheduler(Generic[T]):
    """Divides events that wait into batches, as `policy` says."""

    def __init__(self, policy: BatchPolicy) -> None:
        self._policy = policy
        self._waiting: FairQueue[T] = FairQueue()
        self._active: set[Batch[T]] = set()

    def add_event(self, flow: str, event: T) -> None:
        """Add an event behind the others of its flow."""
        self._waiting.append(flow, event)

    @property
    def has_large_backlog(self) -> bool:
        """Whether a flow has a large backlog."""
        return any(self._policy.is_large(size) for _, size in self._waiting.sizes())

    def begin_batches(self, *, only_full: bool = False) -> Sequence[Batch[T]]:
        """Begin the batches that can begin now, and return them. With `only_full` a batch of large backlogs
        has to be full.

        No two batches of large backlogs begin together: they would be written together, and nothing would be
        left to work on meanwhile.
        """
        begun = []
        for is_large in (False, True):
            sizes = self._ready_flows(is_large=is_large)
            if is_large and only_full and sum(sizes.values()) < self._policy.batch:
                continue
            if sizes:
                flows = list(sizes)
                events = self._waiting.take(self._policy.batch, flows)
                batch = Batch(events, frozenset(flows[: len(events)]), is_large)
                self._active.add(batch)
                begun.append(batch)
        return begun

    def end_batch(self, batch: Batch[T]) -> None:
        """Record that a batch was processed."""
        self._active.remove(batch)

    def _ready_flows(self, *, is_large: bool) -> dict[str, int]:
        """Return the flows with a large or a small backlog, and its size; none where no other batch of that
        kind can begin.
        """
        alike = sum(batch.is_large == is_large for batch in self._active)
        if alike >= (self._policy.large_batches if is_large else 1):
            return {}
        apart = (batch for batch in self._active if not (is_large and batch.is_large))
        busy = {flow for batch in apart for flow in batch.flows}
        return {
            flow: size
            for flow, size in self._waiting.sizes()
            if flow not in busy and self._policy.is_large(size) == is_large
        }
