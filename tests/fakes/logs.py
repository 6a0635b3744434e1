"""Keeps the logs of a test worker as they are, whatever commands run in it.

A command sets up the logs of its process (`shared.runtime.logs`). Within a worker, that hid the lines of
later tests: after a command that logs only errors, `capture_logs` found nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def logs_restored() -> Iterator[None]:
    """Restore structlog and the root logger after the context."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
