"""The metrics that expressions in `deploy/` may use, with their labels, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Collection

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from shared.runtime.metrics import Metrics

ENDINGS = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("_count", "_sum"),
}
OF_EVERY_TARGET = {"job", "instance", "cluster", "namespace"}
EXPORTERS = {
    "up": set[str](),
    "rabbitmq_detailed_queue_messages": {"vhost", "queue"},
    "rabbitmq_detailed_queue_consumers": {"vhost", "queue"},
    "mailferry_backup_last_success_timestamp_seconds": set[str](),
}
"""Metrics of Prometheus, of other exporters and of the backup script, with their labels."""

NAME = r"(?:mailferry|process|rabbitmq)_\w+|mailferry:\w+:\w+|\bup\b"
SELECTOR = re.compile(rf"({NAME})(?:\{{([^}}]*)\}})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


def declared() -> dict[str, tuple[set[str], str]]:
    """Every exposed series: its labels, and the meaning of its metric."""
    metrics = Metrics(CollectorRegistry(), "1.0")
    labels = {
        next(iter(instrument.describe())).name: set(instrument._labelnames)
        for instrument in vars(metrics).values()
        if isinstance(instrument, MetricWrapperBase)
    }
    found: dict[str, tuple[set[str], str]] = {}
    for family in metrics.registry.collect():
        of_it = labels.get(family.name, {key for sample in family.samples for key in sample.labels})
        for ending in ENDINGS.get(family.type, ("",)):
            more = {"le"} if ending == "_bucket" else set()
            found[family.name + ending] = (of_it | more, family.documentation)
    return found


SERIES = declared()


def unknown_names(expression: str, recorded: Collection[str] = ()) -> list[str]:
    """Return the metrics, labels and values of labels in `expression` that do not exist."""
    found = []
    used = SELECTOR.findall(expression)
    known = set(OF_EVERY_TARGET)
    for name, matchers in used:
        labels, meaning = SERIES.get(name, (EXPORTERS.get(name, {"service", "status"}), ""))
        if name not in SERIES and name not in EXPORTERS and name not in recorded:
            found.append(name)
        known |= labels
        for label, values in MATCHER.findall(matchers):
            if label not in labels | OF_EVERY_TARGET:
                found.append(label)
            elif label not in OF_EVERY_TARGET and meaning:
                found += [] if f"{label}: " in meaning else [f"{label}: is not explained"]
                found += sorted(set(values.split("|")) - set(re.findall(r"\w+", meaning)))
    for labels in GROUPING.findall(expression):
        found += sorted({label.strip() for label in labels.split(",")} - known)
    return found if used else ["no metric is used"]
