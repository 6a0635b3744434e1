"""Whether a process can do its work now, and if not, why: named checks, each with a sentence where
something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[], str | None]


class Readiness:
    """The checks of one process, and remarks beside them; both answer at once, from what is known."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._remarks: dict[str, Check] = {}

    def watch(self, name: str, check: Check) -> None:
        """Ask `check` whenever somebody wants to know; it returns what is wrong, or None."""
        self._checks[name] = check

    def set(self, name: str, problem: str | None) -> None:
        """Say what is wrong with `name`, or None for nothing; holds until it is set again."""
        self.watch(name, lambda: problem)

    def note(self, name: str, remark: Check) -> None:
        """Show what `remark` says, too; the process is ready all the same."""
        self._remarks[name] = remark

    def remarks(self) -> dict[str, str]:
        """The remarks of those that have something to say, by name."""
        said = {name: remark() for name, remark in self._remarks.items()}
        return {name: sentence for name, sentence in said.items() if sentence}

    def problems(self) -> dict[str, str | None]:
        """Every check by name with what is wrong, None where nothing is."""
        return {name: check() for name, check in self._checks.items()}
