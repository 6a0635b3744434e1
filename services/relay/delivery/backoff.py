"""When a deferred recipient is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contract.topology import second_step

HALF = 0.5


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`delays` in seconds, one after each failed attempt, the last repeating; given up `give_up` seconds
    after the download.
    """

    delays: tuple[float, ...]
    give_up: float

    def next_attempt(
        self, *, attempt: int, first_fetched_at: float, now: float, chance: float
    ) -> float | None:
        """When to try again after the `attempt`-th failure (1 for the first); None: not any more.

        By chance (0 to 1) half of the mails wait a little longer, so that a target that comes back is not run
        over.
        """
        if now >= first_fetched_at + self.give_up:
            return None
        delay = self.delays[min(attempt, len(self.delays)) - 1]
        return now + (delay if chance < HALF else second_step(delay))
