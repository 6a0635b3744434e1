"""Named steps, at each of which a test can end the process as a power cut would.

`MAILFERRY_DIE_AT=name` or `name:n` makes the process kill itself when it passes the step for the first or
n-th time. Nothing is read at import: `arm` is called once when the process starts, and without it `reached`
does nothing but look.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Mapping

from shared.model.errors import ConfigurationError, quoted

VARIABLE = "MAILFERRY_DIE_AT"
_FORM = re.compile(r"(?P<name>[a-z0-9.-]+)(?::(?P<passing>[1-9][0-9]{0,8}))?")


class DeathWish:
    """Ends the process at one passing of one step."""

    def __init__(self, name: str, passing: int, die: Callable[[], None]) -> None:
        self._name = name
        self._left = passing
        self._die = die

    def passed(self, name: str) -> None:
        """A step was passed; if it is the one, the process ends here."""
        if name != self._name:
            return
        self._left -= 1
        if self._left == 0:
            self._die()


class _Armed:
    """Holds what `arm` decided for this process."""

    wish: DeathWish | None = None


def reached(name: str) -> None:
    """The process has come to the step `name`."""
    if _Armed.wish is not None:
        _Armed.wish.passed(name)


def arm(environ: Mapping[str, str], die: Callable[[], None] | None = None) -> None:
    """Take over what the environment asks for, also where that is nothing. Raises `ConfigurationError`."""
    wanted = environ.get(VARIABLE, "")
    if not wanted:
        _Armed.wish = None
        return
    match = _FORM.fullmatch(wanted)
    if not match:
        raise ConfigurationError(
            [f'environment variable {VARIABLE}: "{quoted(wanted)}" is no step; write NAME or NAME:NUMBER']
        )
    _Armed.wish = DeathWish(match["name"], int(match["passing"] or 1), die or kill_this_process)


def kill_this_process() -> None:
    """End at once: no handler runs and no buffer is written."""
    os.kill(os.getpid(), signal.SIGKILL)
