"""Durations as people write them: `90s`, `15m`, `4h`, `5d`, or a number of seconds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = 36_500 * 86_400.0
_WRITTEN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([smhd]?)")


def seconds(value: object) -> float:
    """Return the seconds in a duration of up to 100 years. Raises ValueError with what is expected."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LONGEST:
        return float(value)
    if isinstance(value, str) and (match := _WRITTEN.fullmatch(value.strip())):
        duration = float(match[1]) * UNITS[match[2] or "s"]
        if duration <= LONGEST:
            return duration
    raise ValueError('expected a duration such as "90s", "15m", "4h" or "5d"')


def written(duration: float) -> str:
    """Write a duration in the largest unit that leaves a whole number, down to microseconds."""
    for unit in ("d", "h", "m"):
        if duration and duration % UNITS[unit] == 0:
            return f"{int(duration // UNITS[unit])}{unit}"
    return f"{duration:.6f}".rstrip("0").rstrip(".") + "s"


Duration = Annotated[float, BeforeValidator(seconds)]
