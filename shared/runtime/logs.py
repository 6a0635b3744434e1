"""Logs: JSON lines on standard output, readable text on a terminal; every line passes the redaction.

An error in a line (`error=...`) is told as its sentence, whose fault it is, and whether it is temporary.
Lines of libraries go the same way, from level warning on. Nothing is set up at import: `set_up_logs` is
called once when the process starts.
"""

from __future__ import annotations

import logging
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.model.errors import MailferryError
from shared.runtime.redaction import redact

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def set_up_logs(level: str, form: str, stream: TextIO) -> None:
    """Send all log lines from `level` on to `stream`, as `json`, as `text`, or as what suits the stream
    (`auto`).
    """
    as_text = form == "text" or (form == "auto" and stream.isatty())
    structlog.configure(
        processors=[tell_logger, *_common(), *_rendering(as_text, stream)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda name=None, *_: NamedLogger(stream, name),
        cache_logger_on_first_use=False,
    )
    _adopt_library_logs(as_text, stream)


def tell_error(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """A structlog processor: an exception under `error` becomes text, with what a Mailferry error knows
    beside it.
    """
    error = line.get("error")
    if isinstance(error, MailferryError):
        line["fault"] = error.fault.value
        line["temporary"] = error.temporary
    if isinstance(error, BaseException):
        line["error"] = str(error) or type(error).__name__
    return line


class NamedLogger(structlog.WriteLogger):
    """Writes lines to the stream and knows the name that `structlog.get_logger` was called with."""

    def __init__(self, stream: TextIO, name: str | None) -> None:
        super().__init__(stream)
        self.name = name


def tell_logger(logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """A structlog processor: says which part of Mailferry speaks."""
    if isinstance(logger, NamedLogger) and logger.name:
        line["logger"] = logger.name
    return line


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        tell_error,
        structlog.processors.format_exc_info,
        redact,
    ]


def _rendering(as_text: bool, stream: TextIO) -> list[Processor]:
    if as_text:
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    return [structlog.processors.JSONRenderer()]


def _adopt_library_logs(as_text: bool, stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_common()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(as_text, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
