"""The garbage collector of a test worker, which outlives the commands that tests run within it.

A command calms the collector of its process (`shared.process.memory`). Within a worker, that froze all that
the tests before had left in cycles, their mails included: it was never freed. Unfreezing it afterwards does
not help, as the collector does not count it for its next full run.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def collector_kept() -> Iterator[None]:
    """Nothing is frozen within the block, and behind it the collector looks as often as before."""
    before = gc.get_threshold()
    try:
        with patch.object(gc, "freeze"):
            yield
    finally:
        gc.set_threshold(*before)
