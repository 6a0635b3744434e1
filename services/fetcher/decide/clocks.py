"""Decide whether the dates that were stored until now can be trusted.

A copy that stays at its source for some days must not be deleted early because the clock was years behind
when the mail was fetched. One clock reading does not show that. Two do, with the time that ran between them,
which setting the clock does not change.
"""

from __future__ import annotations

from typing import NamedTuple

TOLERANCE = 3600.0
"""Seconds by which a clock may be put forward, or the clocks of machines may differ, without consequence."""
LONGEST_PAUSE = 30 * 86400.0
"""Seconds for which Mailferry may not have run before a start. A longer time is taken for a wrong clock."""


class Reading(NamedTuple):
    """In seconds: the date, and the time since the machine was started, sleep included."""

    date: float
    running: float


def was_behind(before: Reading | None, now: Reading, stored: float | None) -> bool:
    """Return whether a clock was behind when earlier dates were stored, so that they are too old.

    `before`: the last reading that this process stored, None at its start. `stored`: the last one that any
    process stored, None if there is none.
    """
    if before is None:
        return stored is not None and now.date - stored > LONGEST_PAUSE
    jump = (now.date - before.date) - (now.running - before.running)
    another_is_behind = stored is not None and stored < before.date - TOLERANCE
    return jump > TOLERANCE or another_is_behind
