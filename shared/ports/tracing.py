"""Tracing: which steps a mail went through in which process, and how long each took.

A step is a span. Its context, the text of a `traceparent` (W3C Trace Context), travels in the events, so that
the steps of a mail in the fetcher, the router and the relay are one trace. A span about many mails has links
to the contexts of theirs. Spans have no addresses, subjects or secrets.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Protocol

CURRENT_TRACE: ContextVar[str] = ContextVar("mailferry_trace", default="")
"""The context of the step in which we are now; "" where there is none. Log lines carry its trace."""

Value = str | int | float | bool


class Span(Protocol):
    """A step that has begun."""

    @property
    def context(self) -> str:
        """The `traceparent` by which later steps refer to this one; "" where nothing is traced."""
        ...

    def note(self, **values: Value) -> None:
        """Add what is known now about the step."""
        ...

    def fail(self, reason: str) -> None:
        """Say that the step failed. `reason` is a word or a class of errors, no text from a server."""
        ...


class Tracing(Protocol):
    """Begins spans. `is_on`: whether anything is recorded, so that callers can spare themselves work."""

    is_on: bool

    def span(
        self, name: str, parent: str = "", links: Sequence[str] = (), **values: Value
    ) -> AbstractContextManager[Span]:
        """Return a context manager for one step. Within it, `CURRENT_TRACE` is the step's context.

        `parent` is the context of the step before, "" for the first one of a trace. An error that leaves it
        makes the step fail.
        """
        ...


class NoSpan:
    """A step that nobody records. It hands on the context of the step before."""

    def __init__(self, context: str = "") -> None:
        self.context = context

    def note(self, **values: Value) -> None:
        """Do nothing."""

    def fail(self, reason: str) -> None:
        """Do nothing."""


class NoTracing:
    """Records nothing."""

    is_on = False
    _nothing: AbstractContextManager[Span] = nullcontext(NoSpan())

    def span(
        self, name: str, parent: str = "", links: Sequence[str] = (), **values: Value
    ) -> AbstractContextManager[Span]:
        """Return the context that records nothing."""
        return self._nothing


NO_TRACING = NoTracing()
