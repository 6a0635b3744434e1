"""Keeps the garbage collector of a test worker as it is, whatever commands run in it.

A command tunes the collector of its process (`shared.runtime.garbage_collection`). Within a worker, that
froze the garbage cycles of earlier tests with their mails, which were never freed. Unfreezing afterwards does
not help: the collector does not count frozen objects for its next full run.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def garbage_collector_restored() -> Iterator[None]:
    """Freeze nothing within the context, and restore the thresholds after it."""
    before = gc.get_threshold()
    try:
        with patch.object(gc, "freeze", _freeze_nothing):  # a MagicMock would take 0.5 ms for each test
            yield
    finally:
        gc.set_threshold(*before)


def _freeze_nothing() -> None:
    pass
