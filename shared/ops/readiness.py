"""Whether a process can do its work now, and if not, why: named checks, each with a sentence where
something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[], str | None]


class Readiness:
    """The checks of one process. A check answers at once, from what is known; it asks no server."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def watch(self, name: str, check: Check) -> None:
        """Ask `check` whenever somebody wants to know; it returns what is wrong, or None."""
        self._checks[name] = check

    def set(self, name: str, problem: str | None) -> None:
        """Say what is wrong with `name`, or None for nothing; holds until it is set again."""
        self.watch(name, lambda: problem)

    def problems(self) -> dict[str, str | None]:
        """Every check by name with what is wrong, None where nothing is."""
        return {name: check() for name, check in self._checks.items()}
