"""Answers that go on while something happens: how many there may be, and their end with the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.control.problems import Problem

MOST_OF_ONE = 5
"""Streams of one person or token: some browser tabs. Each costs a look at an index a second."""
MOST = 200


class Streams:
    """The streams of this process. `are_ending` is true once the process is to end."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self.are_ending = False

    @property
    def are_open(self) -> int:
        """How many there are now."""
        return self._open.total()

    def check(self, who: str) -> None:
        """Raise `Problem` where somebody has enough streams, or there are enough in all."""
        if self._open[who] >= MOST_OF_ONE or self._open.total() >= MOST:
            sentence = f"there are {self._open[who]} streams of yours, and {self._open.total()} in all"
            raise Problem(429, "too_many_streams", sentence, headers={"Retry-After": "10"})

    @contextmanager
    def opened(self, who: str) -> Iterator[None]:
        """Count a stream while it lasts."""
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
