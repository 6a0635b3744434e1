"""Tracing by OpenTelemetry: spans are sent by OTLP over HTTP to a collector, from a thread of their own.

The libraries are optional (`pip install "mailferry[otel]"`) and are imported only where tracing is on. A
collector that is away costs spans, and no mail: the queue is bounded, and what does not fit is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace import Span as ApiSpan

from shared.ports.tracing import CURRENT_TRACE, NoSpan, Span, Value

EXPORT_SECONDS = 2.0
"""For a request to the collector, and for the last ones when the process ends; it has ten seconds."""
PREFIX = "mailferry."


class OtelTracing:
    """Tracing for a process whose services are `name`, such as `mailferry-relay`.

    `sample` is the part of all traces that is recorded, from 0 to 1. Steps of a trace that another process
    began are recorded where that process recorded it.
    """

    is_on = True

    def __init__(
        self, endpoint: str, *, name: str, version: str, sample: float, exporter: SpanExporter | None = None
    ) -> None:
        resource = Resource.create({"service.name": name, "service.version": version})
        self._provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(sample)))
        exporter = exporter or OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("mailferry", version)

    @contextmanager
    def span(self, name: str, parent: str = "", links: Sequence[str] = (), **values: Value) -> Iterator[Span]:
        """See `Tracing.span`."""
        before = _context_of(parent)
        if before is not None and not before.trace_flags.sampled:
            with _current(parent):
                yield NoSpan(parent)  # the library would take five times as long to record nothing
            return
        known = (_context_of(each) for each in links)
        begun = self._tracer.start_span(
            name,
            context=set_span_in_context(NonRecordingSpan(before)) if before is not None else None,
            links=[Link(each) for each in known if each is not None],
            attributes={PREFIX + key: value for key, value in values.items()},
        )
        step = _Step(begun)
        try:
            with _current(step.context):
                yield step
        except BaseException as error:
            step.fail(type(error).__name__)
            raise
        finally:
            begun.end()

    def close(self) -> None:
        """Send what is left, for a few seconds at most. Blocks."""
        self._provider.force_flush(int(EXPORT_SECONDS * 1000))
        self._provider.shutdown()


class _Step:
    """A span of OpenTelemetry."""

    def __init__(self, span: ApiSpan) -> None:
        self._span = span

    @property
    def context(self) -> str:
        """The span as a `traceparent`."""
        own = self._span.get_span_context()
        return f"00-{format_trace_id(own.trace_id)}-{format_span_id(own.span_id)}-{own.trace_flags:02x}"

    def note(self, **values: Value) -> None:
        """Add attributes."""
        self._span.set_attributes({PREFIX + key: value for key, value in values.items()})

    def fail(self, reason: str) -> None:
        """Set the status."""
        self._span.set_status(Status(StatusCode.ERROR, reason))


@contextmanager
def _current(context: str) -> Iterator[None]:
    token = CURRENT_TRACE.set(context)
    try:
        yield
    finally:
        CURRENT_TRACE.reset(token)


def _context_of(traceparent: str) -> SpanContext | None:
    """Return the context in a `traceparent`; None where it is none: whoever publishes events may be newer."""
    parts = traceparent.split("-")
    if len(parts) < 4:
        return None
    try:
        trace, span, flags = (int(part, 16) for part in parts[1:4])
    except ValueError:
        return None
    context = SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None
