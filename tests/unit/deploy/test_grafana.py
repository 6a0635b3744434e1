"""The dashboards are what their script writes, show every metric, and lie properly on their grid."""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.command import REPOSITORY
from tests.fakes.metrics import GROUPING, OF_EVERY_TARGET, SELECTOR, SERIES, unknown_names

GRAFANA = REPOSITORY / "deploy" / "grafana"
sys.path.insert(0, str(GRAFANA))  # as where the script is run
SCRIPT = runpy.run_path(str(GRAFANA / "build.py"))
NAMES = [board.name for board in SCRIPT["BOARDS"]]
BOARDS: dict[str, Any] = {name: json.loads((GRAFANA / f"{name}.json").read_text()) for name in NAMES}
LEGEND = re.compile(r"\{\{(\w+)\}\}")


def panels_of(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, in closed rows, too."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def targets_of(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in panels_of(board):
        yield from panel.get("targets", ())


EXPRESSIONS = sorted({target["expr"] for board in BOARDS.values() for target in targets_of(board)})


def test_each_file_is_what_the_script_writes() -> None:
    assert {path.stem for path in GRAFANA.glob("*.json")} == set(NAMES)
    for board in SCRIPT["BOARDS"]:
        written = (GRAFANA / f"{board.name}.json").read_text()
        assert written == SCRIPT["text_of"](board), "run deploy/grafana/build.py"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_label_and_value_of_a_query_exists(expression: str) -> None:
    assert unknown_names(expression) == []


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_query_asks_only_for_what_the_variables_choose(expression: str) -> None:
    for _, matchers in SELECTOR.findall(expression):
        for variable in ("cluster", "namespace", "job"):
            assert f'{variable}=~"${variable}"' in matchers


def test_every_metric_of_mailferry_is_on_a_dashboard() -> None:
    shown = {name for expression in EXPRESSIONS for name, _ in SELECTOR.findall(expression)}
    bare = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in shown}
    wanted = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in SERIES}
    assert {name for name in wanted if name.startswith("mailferry_")} == {
        name for name in bare if name.startswith("mailferry_")
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_legend_names_labels_that_its_expression_keeps(name: str) -> None:
    for target in targets_of(BOARDS[name]):
        kept = {each.strip() for labels in GROUPING.findall(target["expr"]) for each in labels.split(",")}
        assert set(LEGEND.findall(target["legendFormat"])) <= kept | OF_EVERY_TARGET


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_has_a_unit_and_says_what_it_shows(name: str) -> None:
    for panel in panels_of(BOARDS[name]):
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["targets"]


@pytest.mark.parametrize("name", NAMES)
def test_the_panels_lie_beside_and_below_one_another(name: str) -> None:
    board = BOARDS[name]
    groups = [board["panels"], *(row["panels"] for row in board["panels"] if row.get("panels"))]
    for group in groups:
        taken: set[tuple[int, int]] = set()
        for panel in group:
            place = panel["gridPos"]
            across = range(place["x"], place["x"] + place["w"])
            cells = {(x, y) for x in across for y in range(place["y"], place["y"] + place["h"])}
            assert not taken & cells
            assert place["x"] + place["w"] <= 24
            taken |= cells
    numbers = [panel["id"] for panel in panels_of(board)]
    assert len(set(numbers)) == len(numbers)


def test_dashboards_lead_to_one_another_and_cannot_be_changed_by_hand() -> None:
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)
    for board in BOARDS.values():
        assert board["editable"] is False
        assert [link["tags"] for link in board["links"]] == [["mailferry"]]
