"""The garbage collector of a test worker, which outlives the commands that tests run within it.

A command calms the collector of its process (`shared.runtime.garbage_collection`). Within a worker, that
froze the garbage cycles of earlier tests, their mails included, and they were never freed. Unfreezing
afterwards does not help: the collector does not count frozen objects for its next full run.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def garbage_collector_restored() -> Iterator[None]:
    """Nothing is frozen within the block, and behind it the collector looks as often as before."""
    before = gc.get_threshold()
    try:
        with patch.object(gc, "freeze"):
            yield
    finally:
        gc.set_threshold(*before)
