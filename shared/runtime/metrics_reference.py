"""The reference page of the metrics, from their declarations."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from shared.runtime.metrics import Metrics

OPENING = """# Metrics reference

<!-- Made by `make reference` from shared/runtime/metrics.py. Do not edit. -->

For whoever watches Mailferry: every metric of its own. A process also has those of Prometheus' library about
itself (`process_*`, `python_gc_*`). [watching.md](../watching.md) says which of them matter, and what the
alerts mean.

| Metric | Kind | Meaning |
|---|---|---|
"""
OWN = "mailferry_"
SUFFIX = {"counter": "_total"}


def metrics_reference() -> str:
    """Return the page, in Markdown."""
    registry = CollectorRegistry()
    Metrics(registry, "0")
    rows = [
        f"| `{family.name}{SUFFIX.get(family.type, '')}` | {family.type} | {_cell(family.documentation)} |"
        for family in sorted(registry.collect(), key=lambda each: each.name)
        if family.name.startswith(OWN)
    ]
    return OPENING + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
