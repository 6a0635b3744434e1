"""Sizes as people write them: `256KiB`, `32MiB`, `1GiB`, or a number of octets."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

UNITS = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_WRITTEN = re.compile(r"([0-9]{1,18})\s*(B|KiB|MiB|GiB|)")


def octets(value: object) -> int:
    """Return the octets in a size. Raises ValueError with what is expected."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
        return value
    if isinstance(value, str) and (match := _WRITTEN.fullmatch(value.strip())):
        return int(match[1]) * UNITS[match[2]]
    raise ValueError('expected a size such as "256KiB", "32MiB" or a number of bytes')


def written_size(size: int) -> str:
    """Write a size in the largest unit that leaves a whole number."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]}{unit}"
    return f"{size}B"


Size = Annotated[int, BeforeValidator(octets)]
