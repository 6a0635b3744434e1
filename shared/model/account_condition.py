"""In which condition accounts are: the words that the fetchers' metrics and `mailferry status` share.

An account that is disabled or paused is that before anything else.
"""

from __future__ import annotations

from enum import StrEnum

OVERDUE = 300.0
"""Seconds after its due time from which on an account that nobody visits is overdue."""


class AccountCondition(StrEnum):
    """The state of an account."""

    WORKING = "working"
    DEGRADED = "degraded"
    FAILING = "failing"
    OVERDUE = "overdue"
    NEW = "new"
    PAUSED = "paused"
    DISABLED = "disabled"


class Colour(StrEnum):
    """From never tried to not working."""

    WHITE = "white"
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


WORST_FIRST = (Colour.RED, Colour.YELLOW, Colour.WHITE, Colour.GREEN)
"""The order in which accounts are shown."""
