"""Alerts and dashboard use metrics and labels that exist, and the page explains every alert."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from shared.model.account_condition import AccountCondition
from shared.runtime.metrics import Metrics
from tests.fakes.command import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus" / "mailferry.rules.yml").read_text())
BOARD = json.loads((DEPLOY / "grafana" / "mailferry.json").read_text())
PAGE = (REPOSITORY / "docs" / "watching.md").read_text()
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]

ENDINGS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
OF_EVERY_TARGET = {"job", "instance"}
SELECTOR = re.compile(r"\b((?:mailferry|process)_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
LEGEND = re.compile(r"\{\{(\w+)\}\}")


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


def targets() -> Iterator[dict[str, Any]]:
    for panel in BOARD["panels"]:
        yield from panel.get("targets", ())


EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [target["expr"] for target in targets()]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_of_an_expression_is_declared(expression: str) -> None:
    used = SELECTOR.findall(expression)
    assert used
    known: set[str] = set(OF_EVERY_TARGET)
    for name, matchers in used:
        assert name in SERIES
        known |= SERIES[name][0]
        assert {label for label, _ in MATCHER.findall(matchers)} <= SERIES[name][0] | OF_EVERY_TARGET
    for labels in GROUPING.findall(expression):
        assert {label.strip() for label in labels.split(",")} <= known


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_value_that_a_label_is_compared_with_is_one_that_it_can_have(expression: str) -> None:
    for name, matchers in SELECTOR.findall(expression):
        for label, values in MATCHER.findall(matchers):
            if label not in OF_EVERY_TARGET:
                assert f"{label}: " in SERIES[name][1]
                assert set(values.split("|")) <= set(re.findall(r"\w+", SERIES[name][1]))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_a_counter_that_an_alert_asks_about_is_there_before_it_counts(alert: dict[str, Any]) -> None:
    """A series that appears with its first count has not increased, to Prometheus."""
    registry = Metrics(CollectorRegistry(), "1.0").registry
    for name, matchers in SELECTOR.findall(alert["expr"]):
        if name.endswith(("_total", "_count")):
            assert registry.get_sample_value(name, dict(MATCHER.findall(matchers))) == 0


def test_the_states_of_accounts_are_those_that_the_metric_tells() -> None:
    words = set(re.findall(r"\w+", SERIES["mailferry_accounts"][1]))
    assert {state.value for state in AccountCondition} <= words


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_every_alert_says_what_it_is_what_follows_and_what_to_do(alert: dict[str, Any]) -> None:
    assert set(alert["annotations"]) == {"summary", "description", "action"}
    assert all(text.endswith((".", "?")) for text in alert["annotations"].values())
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_the_page_has_a_line_for_each_alert_in_their_order() -> None:
    told = re.findall(r"^\| `(Mailferry\w+)` \|", PAGE, re.MULTILINE)
    assert told == [alert["alert"] for alert in ALERTS]


def test_every_metric_of_mailferry_is_on_the_dashboard() -> None:
    shown = {name for target in targets() for name, _ in SELECTOR.findall(target["expr"])}
    bare = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in shown}
    wanted = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in SERIES}
    assert {name for name in wanted if name.startswith("mailferry_")} == {
        name for name in bare if name.startswith("mailferry_")
    }


def test_a_legend_names_labels_that_its_expression_keeps() -> None:
    for target in targets():
        kept = {each.strip() for labels in GROUPING.findall(target["expr"]) for each in labels.split(",")}
        assert set(LEGEND.findall(target["legendFormat"])) <= kept | OF_EVERY_TARGET


def test_the_panels_lie_beside_and_below_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
