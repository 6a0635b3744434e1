"""The `mailferry` command with log lines and warnings of all levels while it works."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Coroutine
from typing import Any
from unittest.mock import patch

import structlog
import uvloop

from services.cli import __main__ as command

NOISE = "noise of the test"
_run = uvloop.run


def noisy_run(work: Coroutine[Any, Any, Any], **options: Any) -> Any:
    """Write log lines and warnings, then run the work."""
    for log in (structlog.get_logger("mailferry.test"), logging.getLogger("library")):
        for level in ("debug", "info", "warning", "error"):
            getattr(log, level)(NOISE)
    warnings.warn(NOISE, stacklevel=1)
    return _run(work, **options)


def main(prog_name: str) -> None:
    """Run the command."""
    with patch.object(uvloop, "run", noisy_run):
        command.main(prog_name=prog_name)
