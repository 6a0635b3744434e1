from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from shared.runtime.histogram import Histogram


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def histogram(registry: CollectorRegistry) -> Histogram:
    return Histogram("waited_seconds", "How long.", (0.5, 1, 2.5), registry)


def bucket(registry: CollectorRegistry, bound: str) -> float | None:
    return registry.get_sample_value("waited_seconds_bucket", {"le": bound})


def test_an_amount_counts_below_each_bound_that_it_does_not_exceed(
    registry: CollectorRegistry, histogram: Histogram
) -> None:
    for amount in (0.25, 1.0, 2.0, 99.0):
        histogram.observe(amount)
    assert [bucket(registry, bound) for bound in ("0.5", "1.0", "2.5", "+Inf")] == [1, 2, 3, 4]


def test_the_sum_and_the_number_of_amounts_are_told(
    registry: CollectorRegistry, histogram: Histogram
) -> None:
    histogram.observe(0.5)
    histogram.observe(2.0)
    assert registry.get_sample_value("waited_seconds_sum") == 2.5
    assert registry.get_sample_value("waited_seconds_count") == 2


def test_time_that_is_spent_inside_is_observed_also_when_it_ends_in_an_error(
    registry: CollectorRegistry, histogram: Histogram
) -> None:
    with pytest.raises(LookupError), histogram.time():
        raise LookupError
    assert registry.get_sample_value("waited_seconds_count") == 1


def test_a_histogram_is_exposed_with_its_meaning(registry: CollectorRegistry, histogram: Histogram) -> None:
    text = generate_latest(registry).decode()
    assert "# HELP waited_seconds How long." in text
    assert "# TYPE waited_seconds histogram" in text


def test_a_name_cannot_be_registered_twice(registry: CollectorRegistry, histogram: Histogram) -> None:
    with pytest.raises(ValueError, match="Duplicated"):
        Histogram("waited_seconds", "Again.", (1,), registry)
