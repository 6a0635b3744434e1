"""Which names a blob may have: they become paths of files and keys in a bucket, so they are plain."""

from __future__ import annotations

import re

LONGEST_NAME = 200
_NAME = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)*", re.ASCII)


def is_name(name: str) -> bool:
    """Whether a blob may be called that."""
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def checked(name: str) -> str:
    """`name` itself. Raises ValueError where no blob may be called that."""
    if not is_name(name):
        raise ValueError(f"{name!r} is no name of a blob")
    return name
