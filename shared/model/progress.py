"""How far long work has come, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Is told the step, and how much of how much of it is done."""


def no_progress(_step: str, _done: int, _total: int) -> None:
    """Tell nobody."""
