"""Draws what each panel shows of a loaded Mailferry, to be looked at: a picture for each dashboard.

They go to the directory that MAILFERRY_PICTURES names, else to pytest's temporary one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.servers.available import require
from tests.servers.dashboards import Watched, panels, watched_load
from tests.servers.dovecot import Dovecot

COLUMNS = 3
LOOK_LIKE_NOTHING = 2_000
"""Bytes of a picture that is empty."""


@pytest.mark.deploy
def test_each_dashboard_is_drawn_with_data_in_every_panel(
    tmp_path: Path, dovecot: Dovecot, postgres_url: str, rabbitmq_url: str
) -> None:
    require("prometheus")
    place = Path(os.environ.get("MAILFERRY_PICTURES", tmp_path))
    place.mkdir(parents=True, exist_ok=True)
    with watched_load(tmp_path, dovecot, postgres_url, rabbitmq_url) as watched:
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
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(18, 3.4 * rows), squeeze=False)
    for axis, panel in zip(axes.flat, shown, strict=False):
        axis.set_title(f"{panel['title']} [{panel['fieldConfig']['defaults']['unit']}]", fontsize=9)
        for target in panel["targets"]:
            draw_query(axis, watched, target)
        assert axis.lines, f"nothing is drawn for {panel['title']}"
        axis.set_ylim(bottom=0)
        axis.legend(fontsize=6)
    for axis in list(axes.flat)[len(shown) :]:
        axis.set_visible(False)
    figure.tight_layout()
    figure.savefig(picture, dpi=70)
    plt.close(figure)


def draw_query(axis: Any, watched: Watched, target: dict[str, Any]) -> None:
    """Draw each series of a query, named as the legend names it."""
    for series in watched.series(target["expr"]):
        name = target["legendFormat"] or " ".join(series["metric"].values()) or "value"
        for label, value in series["metric"].items():
            name = name.replace("{{" + label + "}}", value)
        points = [(float(at) - watched.start, float(value)) for at, value in series["values"]]
        axis.plot([at for at, _ in points], [value for _, value in points], label=name)
