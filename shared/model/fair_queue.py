"""A queue in which every flow, a tenant for example, gets its turn.

Within a flow the order is kept. One item is taken from each flow in turn, so a flow with thousands of items
delays a flow with a single item by one item only. With one flow alone it is an ordinary queue.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items by the name of their flow. A flow that was served goes behind the other flows."""

    def __init__(self) -> None:
        self._flows: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        """Yield all items, flow by flow."""
        return chain.from_iterable(self._flows.values())

    def append(self, flow: str, item: T) -> None:
        """Add an item at the end of its flow."""
        self._count += 1
        items = self._flows.get(flow)
        if items is None:
            self._flows[flow] = deque((item,))
        else:
            items.append(item)

    def appendleft(self, flow: str, item: T) -> None:
        """Give an item back: it is the first of its flow, and the flow is the next to be served."""
        self._count += 1
        self._flows.setdefault(flow, deque()).appendleft(item)
        self._flows.move_to_end(flow, last=False)

    def popleft(self) -> T:
        """Take the next item. Raises IndexError where there is none."""
        if not self._flows:
            raise IndexError("the queue is empty")
        flow, items = next(iter(self._flows.items()))
        item = items.popleft()
        self._count -= 1
        if not items:
            del self._flows[flow]
        elif len(self._flows) > 1:
            self._flows.move_to_end(flow)
        return item

    def take(self, most: int, flows: Sequence[str] | None = None) -> list[T]:
        """Take the next items, at most `most`; only from `flows`, in their order, where these are given."""
        names = list(self._flows) if flows is None else flows
        taken = self._take_from(names[0], most) if len(names) == 1 else self._take_in_turn(names, most)
        self._count -= len(taken)
        return taken

    def remove(self, flow: str, item: T) -> None:
        """Remove an item; nothing happens if it is not in the queue."""
        items = self._flows.get(flow)
        if items is None or item not in items:
            return
        items.remove(item)
        self._count -= 1
        if not items:
            del self._flows[flow]

    def heads(self) -> Iterator[T]:
        """Yield the first item of each flow, in the order in which the flows are served."""
        return (items[0] for items in self._flows.values())

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield each flow and the number of its items, in the order in which the flows are served."""
        return ((flow, len(items)) for flow, items in self._flows.items())

    def clear(self) -> None:
        """Forget everything."""
        self._flows.clear()
        self._count = 0

    def _take_from(self, flow: str, most: int) -> list[T]:
        items = self._flows[flow]
        if len(items) <= most:
            return list(self._flows.pop(flow))
        taken = [items.popleft() for _ in range(most)]
        if taken:
            self._flows.move_to_end(flow)
        return taken

    def _take_in_turn(self, names: Sequence[str], most: int) -> list[T]:
        taken: list[T] = []
        turns = deque(names)
        while turns and len(taken) < most:
            flow = turns.popleft()
            items = self._flows[flow]
            taken.append(items.popleft())
            if items:
                turns.append(flow)
            else:
                del self._flows[flow]
        served = set(islice(names, most))
        for flow in turns:
            if flow in served:
                self._flows.move_to_end(flow)
        return taken
