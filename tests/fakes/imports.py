"""What a reader of foreign files made of a text: its result, or its own error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from shared.importing.result import UnreadableImport

T = TypeVar("T")


def read_or_refused(read: Callable[[], T]) -> T | UnreadableImport:
    """What `read` returns, or the error with the line where it stopped. All else is a defect."""
    try:
        return read()
    except UnreadableImport as refused:
        return refused
