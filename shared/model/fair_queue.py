"""Whose turn it is: things that wait in flows, taken from the flows in turn.

Within a flow the order is kept. A flow with thousands of things in it delays one with a single thing by no
more than one thing for each flow. With one flow alone it is an ordinary queue.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import chain
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """A queue of flows, by their names; each takes its next turn at the end of the queue."""

    def __init__(self) -> None:
        self._flows: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        """All that waits, flow by flow."""
        return chain.from_iterable(self._flows.values())

    def append(self, flow: str, thing: T) -> None:
        """Wait at the end of the flow."""
        self._count += 1
        known = self._flows.get(flow)
        if known is None:
            self._flows[flow] = deque((thing,))
        else:
            known.append(thing)

    def appendleft(self, flow: str, thing: T) -> None:
        """Wait at the front of the flow, whose turn comes next."""
        self._count += 1
        self._flows.setdefault(flow, deque()).appendleft(thing)
        self._flows.move_to_end(flow, last=False)

    def popleft(self) -> T:
        """What comes next. Raises IndexError where nothing waits."""
        if not self._flows:
            raise IndexError("nothing waits")
        flow, things = next(iter(self._flows.items()))
        thing = things.popleft()
        self._count -= 1
        if not things:
            del self._flows[flow]
        elif len(self._flows) > 1:
            self._flows.move_to_end(flow)
        return thing

    def take(self, most: int) -> list[T]:
        """What comes next, at most so many."""
        if len(self._flows) != 1 or self._count > most:
            return [self.popleft() for _ in range(min(most, self._count))]
        (things,) = self._flows.values()
        self.clear()
        return [*things]

    def remove(self, flow: str, thing: T) -> None:
        """Let this one wait no more; nothing happens if it does not wait."""
        things = self._flows.get(flow)
        if things is None or thing not in things:
            return
        things.remove(thing)
        self._count -= 1
        if not things:
            del self._flows[flow]

    def heads(self) -> Iterator[T]:
        """The first of each flow, in the order of their turns."""
        return (things[0] for things in self._flows.values())

    def clear(self) -> None:
        """Forget everything."""
        self._flows.clear()
        self._count = 0
