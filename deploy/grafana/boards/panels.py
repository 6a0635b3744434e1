"""What a dashboard consists of: rows of panels, each with its title, meaning, unit and queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from boards.queries import rate

BAD_ABOVE_0 = (("green", None), ("orange", 1))
ALARM_ABOVE_0 = (("green", None), ("red", 1))
GOOD_ABOVE_0 = (("red", None), ("green", 1))


@dataclass(frozen=True)
class Panel:
    """One panel. `queries` are pairs of a query and the legend of its series."""

    title: str
    tells: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    thresholds: Sequence[tuple[str, int | None]] = ()
    yes_or_no: bool = False


@dataclass(frozen=True)
class Row:
    """A row of panels. A closed one asks Prometheus nothing until it is opened."""

    title: str
    panels: Sequence[Panel]
    closed: bool = False


@dataclass(frozen=True)
class Board:
    """One dashboard."""

    name: str
    title: str
    tells: str
    rows: Sequence[Row] = field(default_factory=tuple)


def stat(
    title: str, tells: str, query: str, thresholds: Sequence[tuple[str, int | None]], **more: Any
) -> Panel:
    """A single number."""
    return Panel(title, tells, [(query, "")], kind="stat", width=3, height=4, thresholds=thresholds, **more)


def by_process(title: str, tells: str, query: str, **more: Any) -> Panel:
    """A line for each process."""
    return Panel(title, tells, [(query, "{{instance}}")], **more)


def per_second(title: str, tells: str, counters: Mapping[str, str], **more: Any) -> Panel:
    """A line for each counter: how much it increases in a second. `counters` have their legends as keys."""
    return Panel(title, tells, [(rate(counter), name) for name, counter in counters.items()], "ops", **more)


def per_second_by(label: str, title: str, tells: str, counter: str, **more: Any) -> Panel:
    """How much a counter increases in a second, one area above the other for each value of a label."""
    return Panel(title, tells, [(rate(counter, label), f"{{{{{label}}}}}")], "ops", stacked=True, **more)
