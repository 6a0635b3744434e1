"""Features that a server announces and refuses, remembered so that not every visit tries them anew.

Only features without which a session works. A server that hung up instead of an answer may have had another
reason, so that counts only when it happens again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

REMEMBERED = 86_400.0
"""Seconds. A server may be mended by tomorrow."""
MOST_REMEMBERED = 10_000
"""Features of servers; then all are forgotten, which costs a refusal each."""
HANG_UPS_IN_A_ROW = 2


class RefusedFeatures:
    """The refused features by server; `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str], float] = {}
        self._hang_ups: dict[tuple[str, str], int] = {}
        self._news: set[tuple[str, str]] = set()

    def has(self, server: str, feature: str) -> bool:
        """Return whether the server refused the feature within the last day."""
        return self._clock() < self._until.get((server, feature), 0.0)

    def note_refused(self, server: str, feature: str) -> None:
        """The server answered that it does not know the feature."""
        if len(self._until) >= MOST_REMEMBERED:
            self._until.clear()
            self._news.clear()
        self._until[server, feature] = self._clock() + REMEMBERED
        self._news.add((server, feature))

    def take_news(self) -> list[tuple[str, str, float]]:
        """Return server, feature and seconds left of what was noted since the last call."""
        now, news, self._news = self._clock(), sorted(self._news), set()
        return [(*each, self._until.get(each, now) - now) for each in news]

    def learn(self, server: str, feature: str, seconds: float) -> None:
        """Learn from another process that the server refused the feature, and how long that holds."""
        if len(self._until) < MOST_REMEMBERED:
            until = self._clock() + min(seconds, REMEMBERED)
            self._until[server, feature] = max(until, self._until.get((server, feature), 0.0))

    def note_hang_up(self, server: str, features: Iterable[str]) -> None:
        """The server hung up when these features were asked for."""
        if len(self._hang_ups) >= MOST_REMEMBERED:
            self._hang_ups.clear()
        for each in features:
            hang_ups = self._hang_ups.pop((server, each), 0) + 1
            if hang_ups < HANG_UPS_IN_A_ROW:
                self._hang_ups[server, each] = hang_ups
            else:
                self.note_refused(server, each)

    def note_answered(self, server: str, features: Iterable[str]) -> None:
        """The server did not hang up when these features were asked for."""
        for each in features:
            self._hang_ups.pop((server, each), None)


REFUSED = RefusedFeatures()
"""The refused features of all servers of this process."""
