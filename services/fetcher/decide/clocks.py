"""Whether the dates that were written down until now can be believed: pure.

A copy that stays at its source for some days must not leave it early because the clock was years behind when
the mail was fetched. No single reading of a clock tells. Two do, and the time that ran between them, which no
setting of the clock changes.
"""

from __future__ import annotations

from typing import NamedTuple

TOLERANCE = 3600.0
"""Seconds by which a clock may be put forward, or clocks of several machines differ, without consequence."""
LONGEST_PAUSE = 30 * 86400.0
"""Seconds that a start takes for time in which Mailferry did not run; after more it was rather the clock."""


class Reading(NamedTuple):
    """The date, and the time since the machine was started, which runs on while it sleeps; in seconds."""

    date: float
    running: float


def was_behind(before: Reading | None, now: Reading, told: float | None) -> bool:
    """Whether a clock was behind when earlier dates were written, so that they are too old.

    `before` is this process's last reading that it told the store, None at its start; `told` is the last one
    that anybody did, None where nobody has.
    """
    if before is None:
        return told is not None and now.date - told > LONGEST_PAUSE
    jump = (now.date - before.date) - (now.running - before.running)
    another_is_behind = told is not None and told < before.date - TOLERANCE
    return jump > TOLERANCE or another_is_behind
