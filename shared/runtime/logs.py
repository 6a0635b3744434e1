"""Logs: JSON lines on standard output, text on a terminal. Every line is redacted.

An error in a line (`error=...`) is written as its sentence, its fault, and whether it is temporary. Lines of
libraries are written in the same way, from level warning on. `set_up_logs` is called once when the process
starts.
"""

from __future__ import annotations

import logging
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.model.errors import MailferryError
from shared.ports.tracing import CURRENT_TRACE
from shared.runtime.redaction import redact

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def set_up_logs(level: str, form: str, stream: TextIO) -> None:
    """Write log lines from `level` on to `stream`. `auto` writes text to a terminal and JSON elsewhere."""
    as_text = form == "text" or (form == "auto" and stream.isatty())
    structlog.configure(
        processors=[add_logger_name, *_processors(), *_renderers(as_text, stream)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda name=None, *_: NamedLogger(stream, name),
        cache_logger_on_first_use=False,
    )
    _configure_library_logs(as_text, stream)


def add_error_details(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Replace an exception under `error` by its text, fault and `temporary` (a structlog processor)."""
    error = line.get("error")
    if isinstance(error, MailferryError):
        line["fault"] = error.fault.value
        line["temporary"] = error.temporary
    if isinstance(error, BaseException):
        line["error"] = str(error) or type(error).__name__
    return line


def add_trace(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Add the id of the trace to which the line belongs, if there is one (a structlog processor)."""
    if context := CURRENT_TRACE.get():
        line["trace_id"] = context.split("-")[1]
    return line


class NamedLogger(structlog.WriteLogger):
    """Writes lines to the stream. `name` is that of the logger."""

    def __init__(self, stream: TextIO, name: str | None) -> None:
        super().__init__(stream)
        self.name = name


def add_logger_name(logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Add the name of the logger (a structlog processor)."""
    if isinstance(logger, NamedLogger) and logger.name:
        line["logger"] = logger.name
    return line


def _processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_error_details,
        add_trace,
        structlog.processors.format_exc_info,
        redact,
    ]


def _renderers(as_text: bool, stream: TextIO) -> list[Processor]:
    if as_text:
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    return [structlog.processors.JSONRenderer()]


def _configure_library_logs(as_text: bool, stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_processors()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(as_text, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
