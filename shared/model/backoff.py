"""Pauses that grow with each failure, up to a bound, and are spread by chance."""

from __future__ import annotations

from dataclasses import dataclass

GROWTH = 2.0
MOST_DOUBLINGS = 30
"""Keeps the power finite; `longest` is reached long before."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """A pause of `first` seconds, doubled with each further failure up to `longest`.

    `spread`: the part of a pause by which chance may shorten it, from 0 to 1.
    """

    first: float
    longest: float
    spread: float = 0.0

    def pause(self, failures: int, chance: float = 0.0) -> float:
        """Return the seconds to wait after so many earlier failures; `chance` is from 0 up to 1."""
        full = min(self.longest, self.first * GROWTH ** min(failures, MOST_DOUBLINGS))
        return full * (1 - self.spread * chance)
