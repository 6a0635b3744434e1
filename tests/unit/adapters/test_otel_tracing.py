"""Spans have the parents and links that events carry, whoever published these."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.adapters.otel_tracing import OtelTracing
from shared.config import from_mapping
from shared.model.errors import ConfigurationError
from shared.ports.tracing import CURRENT_TRACE, NO_TRACING
from shared.runtime.batch_tracing import TracedMail, traced_batch
from shared.runtime.opening import open_runtime
from tests.fakes.command import REPOSITORY


class Traced:
    """Tracing, and what it exported."""

    def __init__(self, sample: float = 1.0) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = OtelTracing(
            "http://unused.example", name="test", version="1", sample=sample, exporter=self._exporter
        )

    def spans(self) -> dict[str, ReadableSpan]:
        self.tracing.close()
        return {each.name: each for each in self._exporter.get_finished_spans()}


@pytest.fixture
def traced() -> Iterator[Traced]:
    traced = Traced()
    yield traced
    traced.tracing.close()


def test_a_step_belongs_to_the_trace_of_its_parent_and_is_current_while_it_lasts(traced: Traced) -> None:
    with traced.tracing.span("first", account="acme/bob") as first:
        assert CURRENT_TRACE.get() == first.context
    assert CURRENT_TRACE.get() == ""
    with traced.tracing.span("second", first.context, mails=2) as second:
        second.note(delivered=1)
        second.fail("deferred")
    spans = traced.spans()
    parent = spans["second"].parent
    assert parent is not None
    assert parent.trace_id == spans["first"].context.trace_id
    assert parent.span_id == spans["first"].context.span_id
    assert dict(spans["second"].attributes or {}) == {"mailferry.mails": 2, "mailferry.delivered": 1}
    assert not spans["second"].status.is_ok
    assert spans["first"].status.is_unset


def test_an_error_that_leaves_a_step_is_named_without_its_text(traced: Traced) -> None:
    with pytest.raises(ValueError, match="secret"), traced.tracing.span("step"):
        raise ValueError("a secret")
    span = traced.spans()["step"]
    assert span.status.description == "ValueError"
    assert not span.events, "no text of the error is exported"


@pytest.mark.parametrize(
    "foreign", ["", "nonsense", "00-zz-zz-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff"]
)
def test_a_context_that_is_none_begins_a_trace(traced: Traced, foreign: str) -> None:
    with traced.tracing.span("step", foreign, [foreign]):
        pass
    span = traced.spans()["step"]
    assert span.parent is None
    assert not span.links


def test_what_is_not_sampled_is_not_exported_and_so_are_the_steps_that_follow() -> None:
    none, other = Traced(sample=0.0), Traced()
    with none.tracing.span("first") as first:
        pass
    with other.tracing.span("second", first.context) as second:
        second.note(mails=1)
        second.fail("deferred")
        assert second.context == CURRENT_TRACE.get() == first.context
    assert none.spans() == other.spans() == {}


def test_a_batch_has_a_span_for_each_mail_and_one_that_is_linked_to_them(traced: Traced) -> None:
    mails = [TracedMail("m1"), TracedMail("m2")]
    with (
        traced.tracing.span("visit") as visit,
        traced_batch(traced.tracing, "fetch", mails) as contexts,
    ):
        assert CURRENT_TRACE.get() not in {visit.context, *contexts.values()}
    assert set(contexts) == {"m1", "m2"}
    spans = traced.spans()
    assert len(spans["fetch batch"].links) == 2
    assert [link.context.span_id for link in spans["fetch"].links] == [spans["visit"].context.span_id]
    assert spans["fetch"].parent is None, "each mail has a trace of its own"


def test_without_tracing_the_contexts_are_handed_on() -> None:
    mails = [TracedMail("m1", "00-aa-bb-01"), TracedMail("m2")]
    with traced_batch(NO_TRACING, "route", mails) as contexts, NO_TRACING.span("x") as span:
        span.note(mails=1)
        span.fail("deferred")
        assert span.context == CURRENT_TRACE.get() == ""
    assert contexts == {"m1": "00-aa-bb-01"}


async def test_without_the_libraries_a_process_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "shared.adapters.otel_tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    servers = {"store": {"url": "sqlite:m.db"}, "broker": {"url": "memory:"}, "blobs": {"url": "file:blobs"}}
    configuration = from_mapping(
        {**servers, "tracing": {"endpoint": "http://127.0.0.1:4318"}}, {}, tmp_path, "mailferry.toml"
    )
    with pytest.raises(
        ConfigurationError, match=r'mailferry.toml: \[tracing\] .* `pip install "mailferry\[otel\]"'
    ):
        async with open_runtime(configuration):
            pass


def test_a_process_that_traces_nothing_loads_no_library_for_it() -> None:
    script = (
        "import sys, services.fetcher.build, services.router.build, services.relay.build\n"
        "import shared.runtime.opening\n"
        "assert not [each for each in sys.modules if each.startswith('opentelemetry')]\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)
