"""Retention: how long a copy stays at the source after the download."""

from __future__ import annotations

import re
from dataclasses import dataclass

DAY = 86400.0
_DAYS = re.compile(r"(\d{1,5})d")


@dataclass(frozen=True, slots=True)
class Retention:
    """`days` is 0 for deletion once the mail is settled, and None for a copy that stays for ever.

    Days are counted from `since` (seconds since the epoch) at the earliest: clocks were wrong before.
    """

    days: int | None
    since: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Retention:
        """Parse `delete`, `keep` or `7d`. Raises ValueError."""
        if text == "delete":
            return cls(0)
        if text == "keep":
            return cls(None)
        if match := _DAYS.fullmatch(text):
            return cls(int(match[1]))
        raise ValueError('expected "delete", "keep" or a number of days such as "7d"')

    def __str__(self) -> str:
        if self.days is None:
            return "keep"
        return f"{self.days}d" if self.days else "delete"

    @property
    def leaves_a_copy(self) -> bool:
        """Whether a settled mail stays at the source for a while."""
        return self.days != 0

    def is_over(self, downloaded_at: float, now: float) -> bool:
        """Return whether a settled mail may be deleted. Times are in seconds since the epoch.

        With `days` 0 it may, whatever the clock says: the clock may have been ahead at the download.
        """
        end = self.ends_at(downloaded_at)
        return end is not None and (self.days == 0 or now >= end)

    def ends_at(self, downloaded_at: float) -> float | None:
        """Return when a settled mail may be deleted; None where it stays for ever."""
        return None if self.days is None else max(downloaded_at, self.since) + self.days * DAY
