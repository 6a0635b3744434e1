"""How long to wait before connecting again: growing, bounded, and spread so that many processes do not come
at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

GROWTH = 2.0


def full_jitter(first: float, longest: float, random: Callable[[], float]) -> Iterator[float]:
    """Endless delays in seconds, each between 0 and a ceiling that doubles from `first` up to `longest`.

    `random` gives numbers from 0 up to 1. Begin anew after a success.
    """
    ceiling = min(first, longest)
    while True:
        yield ceiling * random()
        ceiling = min(ceiling * GROWTH, longest)
