"""Draws what each panel shows of a loaded Mailferry, to be looked at: a picture for each dashboard.

They go to the directory that MAILFERRY_PICTURES names, else to pytest's temporary one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.servers.available import require
from tests.servers.dashboards import Watched, panels, watched_load
from tests.servers.dovecot import Dovecot

COLUMNS, ROUNDS = 3, 25
UNITS = {"ops": "/s", "Bps": "B/s", "bytes": "B", "s": "s"}
LOOK_LIKE_NOTHING = 2_000
"""Bytes of a picture that is empty."""


@pytest.mark.deploy
def test_each_dashboard_is_drawn_with_data_in_every_panel(
    tmp_path: Path, dovecot: Dovecot, postgres_url: str, rabbitmq_url: str
) -> None:
    require("prometheus")
    place = Path(os.environ.get("MAILFERRY_PICTURES", tmp_path))
    place.mkdir(parents=True, exist_ok=True)
    with watched_load(tmp_path, dovecot, postgres_url, rabbitmq_url, ROUNDS) as watched:
        for board in sorted({name for name, _ in panels()}):
            picture = place / f"{board}.png"
            drawn(watched, [panel for name, panel in panels() if name == board], picture)
            assert picture.stat().st_size > LOOK_LIKE_NOTHING


def drawn(watched: Watched, shown: Sequence[dict[str, Any]], picture: Path) -> None:
    """Draw the panels of a dashboard, one beside the other."""
    import matplotlib as mpl  # noqa: PLC0415 - it takes a second, and only this test needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    rows = -(-len(shown) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(18, 3.2 * rows), squeeze=False)
    for axis, panel in zip(axes.flat, shown, strict=False):
        axis.set_title(panel["title"], fontsize=10)
        series: dict[str, dict[float, float]] = {}
        for target in panel["targets"]:
            series |= {name_of(each, target): points_of(each, watched) for each in found(watched, target)}
        assert series, f"nothing is drawn for {panel['title']}"
        draw_panel(axis, panel, series)
    for axis in list(axes.flat)[len(shown) :]:
        axis.set_visible(False)
    figure.tight_layout()
    figure.savefig(picture, dpi=70)
    plt.close(figure)


def found(watched: Watched, target: dict[str, Any]) -> list[dict[str, Any]]:
    return watched.series(target["expr"])


def name_of(series: dict[str, Any], target: dict[str, Any]) -> str:
    """The name of a series in the legend."""
    name = str(target["legendFormat"] or " ".join(series["metric"].values()) or "value")
    for label, value in series["metric"].items():
        name = name.replace("{{" + label + "}}", value)
    return name


def points_of(series: dict[str, Any], watched: Watched) -> dict[float, float]:
    """The values of a series by the seconds since the load began."""
    return {float(at) - watched.start: float(value) for at, value in series["values"]}


def draw_panel(axis: Any, panel: dict[str, Any], series: Mapping[str, Mapping[float, float]]) -> None:
    """Draw a panel nearly as Grafana does: a number, bars, lines of a table, or lines and areas over time."""
    last = {name: list(points.values())[-1] for name, points in series.items()}
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] == "stat":
        (value,) = last.values()
        text = f"{value:g}"
        for mapping in defaults.get("mappings", ()):
            text = mapping["options"].get(text, {"text": text})["text"]
        axis.text(0.5, 0.5, text, ha="center", va="center", fontsize=36)
        axis.set(xticks=[], yticks=[])
    elif panel["type"] == "table":
        axis.text(0.5, 0.5, "\n".join(last), ha="center", va="center", fontsize=11)
        axis.set(xticks=[], yticks=[])
    elif panel["type"] == "bargauge":
        axis.barh(list(last), list(last.values()))
        axis.set_ylim(-2, len(last) + 1)
    else:
        draw_lines(axis, defaults, series)


def draw_lines(axis: Any, defaults: dict[str, Any], series: Mapping[str, Mapping[float, float]]) -> None:
    from matplotlib.ticker import EngFormatter, PercentFormatter  # noqa: PLC0415 - as above

    if defaults["custom"]["stacking"]["mode"] == "normal":
        times = sorted({at for points in series.values() for at in points})
        areas = [[points.get(at, 0.0) for at in times] for points in series.values()]
        axis.stackplot(times, areas, labels=list(series), alpha=0.7)
        values = [sum(at_once) for at_once in zip(*areas, strict=True)]
    else:
        for name, points in series.items():
            axis.plot(list(points), list(points.values()), label=name)
        values = [value for points in series.values() for value in points.values()]
    axis.set_ylim(0, 1.4 * max((each for each in values if not math.isnan(each)), default=0) or 1)
    if defaults["unit"] in UNITS:
        axis.yaxis.set_major_formatter(EngFormatter(UNITS[defaults["unit"]]))
    elif defaults["unit"] == "percentunit":
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.set_xlabel("seconds of load", fontsize=7)
    axis.legend(fontsize=7, loc="upper left", framealpha=0.6, ncols=3)
