"""Named steps, at which a test can end the process like a power cut.

`MAILFERRY_DIE_AT=name` or `name:n` makes the process kill itself when it reaches the step for the first or
n-th time. `arm` reads it once when the process starts. Without it, `reached` does nothing.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Mapping

from shared.model.errors import ConfigurationError, quoted

VARIABLE = "MAILFERRY_DIE_AT"
_FORM = re.compile(r"(?P<name>[a-z0-9.-]+)(?::(?P<count>[1-9][0-9]{0,8}))?")


class PlannedKill:
    """Ends the process when it reaches one step for the n-th time."""

    def __init__(self, name: str, count: int, die: Callable[[], None]) -> None:
        self._name = name
        self._left = count
        self._die = die

    def count_step(self, name: str) -> None:
        """Count a step, and end the process if it is the planned one."""
        if name != self._name:
            return
        self._left -= 1
        if self._left == 0:
            self._die()


class _Armed:
    """Holds what `arm` decided for this process."""

    kill: PlannedKill | None = None


def reached(name: str) -> None:
    """Count the step `name`. The process may end here."""
    if _Armed.kill is not None:
        _Armed.kill.count_step(name)


def arm(environ: Mapping[str, str], die: Callable[[], None] | None = None) -> None:
    """Plan the kill that the environment asks for, or none. Raises `ConfigurationError`."""
    wanted = environ.get(VARIABLE, "")
    if not wanted:
        _Armed.kill = None
        return
    match = _FORM.fullmatch(wanted)
    if not match:
        raise ConfigurationError(
            [f'environment variable {VARIABLE}: "{quoted(wanted)}" is not a step; write NAME or NAME:NUMBER']
        )
    _Armed.kill = PlannedKill(match["name"], int(match["count"] or 1), die or kill_this_process)


def kill_this_process() -> None:
    """End at once. No handler runs and no buffer is written."""
    os.kill(os.getpid(), signal.SIGKILL)
