"""How often amounts of each size were seen, counted so cheaply that every mail can be.

The library's own histogram takes a lock for each of its numbers. Here all amounts come from the one thread of
the event loop, and whoever reads meanwhile sees numbers that are an amount old at worst.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Histogram(Collector):
    """Counts amounts by `bounds`, which rise; an amount belongs to the first bound that is not below it."""

    def __init__(self, name: str, meaning: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = name
        self._meaning = meaning
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        registry.register(self)

    def observe(self, amount: float) -> None:
        """An amount was seen."""
        self._counts[bisect_left(self._bounds, amount)] += 1
        self._sum += amount

    @contextmanager
    def time(self) -> Iterator[None]:
        """Observe the seconds that are spent inside."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.observe(time.perf_counter() - began)

    def describe(self) -> Iterable[Metric]:
        """The metric without its numbers, for the registry."""
        return [HistogramMetricFamily(self._name, self._meaning)]

    def collect(self) -> Iterable[Metric]:
        """The metric as it is now."""
        upper = [*map(floatToGoString, self._bounds), "+Inf"]
        buckets = list(zip(upper, accumulate(self._counts), strict=True))
        return [HistogramMetricFamily(self._name, self._meaning, buckets=buckets, sum_value=self._sum)]
