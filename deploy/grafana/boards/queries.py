"""Queries for Prometheus. `[:]` in one stands for the labels that the variables of a dashboard choose."""

from __future__ import annotations

A_PROCESS = ("cluster", "namespace", "job", "instance")
QUANTILES = ((0.5, "half"), (0.95, "95 of 100"), (0.99, "99 of 100"))


def rate(metric: str, *by: str, labels: str = "") -> str:
    """The increase of a counter per second, over all processes."""
    grouping = f" by ({', '.join(by)}) " if by else ""
    return f"sum{grouping}(rate({metric}[:{labels}][$__rate_interval]))"


def increase(metric: str, *by: str) -> str:
    """The increase of a counter since the point before."""
    return rate(metric, *by).replace("(rate(", "(increase(")


def gauge(metric: str, *by: str, how: str = "sum", labels: str = "") -> str:
    """A gauge: `sum` for what each process has of its own, `max` for what all say of the database."""
    grouping = f" by ({', '.join(by)}) " if by else ""
    return f"{how}{grouping}({metric}[:{labels}])"


def quantiles(histogram: str) -> list[tuple[str, str]]:
    """The quantiles of a histogram, over all processes."""
    buckets = f"sum by (le) (rate({histogram}_bucket[:][$__rate_interval]))"
    return [(f"histogram_quantile({part}, {buckets})", legend) for part, legend in QUANTILES]


def of_service(query: str, service: str) -> str:
    """Series for each process, without the zeros of processes that do not run the service."""
    return f'{query} and on ({", ".join(A_PROCESS)}) mailferry_service_up[:service="{service}", ]'


def of_mailferry(query: str) -> str:
    """A metric that every program has, for processes of Mailferry alone."""
    return f"{query} and on ({', '.join(A_PROCESS)}) mailferry_build_info[:]"
