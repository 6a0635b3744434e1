"""The reference page of the metrics is that of the metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from shared.runtime.metrics import Metrics
from shared.runtime.metrics_reference import metrics_reference
from tests.fakes.command import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "metrics.md"


def test_the_page_is_that_of_the_metrics() -> None:
    assert PAGE.read_text() == metrics_reference(), "run `make reference`"


def test_every_own_metric_is_on_its_page() -> None:
    registry = CollectorRegistry()
    Metrics(registry, "0")
    page = metrics_reference()
    for family in registry.collect():
        assert (f"`{family.name}" in page) is family.name.startswith("mailferry_")
