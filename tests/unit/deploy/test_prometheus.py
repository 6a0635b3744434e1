"""Alerts use metrics and labels that exist, and have a test and a page each."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from shared.model.account_condition import AccountCondition
from shared.runtime.metrics import Metrics
from tests.fakes.command import REPOSITORY
from tests.fakes.metrics import EXPORTERS, MATCHER, SELECTOR, SERIES, unknown_names

DEPLOY = REPOSITORY / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
PAGE = (REPOSITORY / "docs" / "watching.md").read_text()
FILES = {name: yaml.safe_load((PROMETHEUS / name).read_text()) for name in ("alerts.yml", "recording.yml")}
RULES = [rule for file in FILES.values() for group in file["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
TESTS = [
    test
    for path in sorted((PROMETHEUS / "tests").glob("*.yml"))
    for test in yaml.safe_load(path.read_text())["tests"]
]
OF_AN_INSTALLATION = {"cluster", "namespace", "job"}


def name_of(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule.get("record"))


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_every_metric_label_and_value_of_a_rule_exists(rule: dict[str, Any]) -> None:
    assert unknown_names(rule["expr"], RECORDED) == []


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_a_counter_that_an_alert_asks_about_is_there_before_it_counts(alert: dict[str, Any]) -> None:
    """A series that appears with its first count has not increased, to Prometheus.

    Which names there will be is not known before. Alerts about them ask for many, so one does not matter.
    """
    registry = Metrics(CollectorRegistry(), "1.0").registry
    for name, matchers in SELECTOR.findall(alert["expr"]):
        by_name = SERIES[name][0] & {"provider", "target"} if name in SERIES else set()
        if name in EXPORTERS or by_name:
            continue
        if name.endswith(("_total", "_count")):
            assert registry.get_sample_value(name, dict(MATCHER.findall(matchers))) == 0


def test_the_states_of_accounts_are_those_that_the_metric_tells() -> None:
    words = set(re.findall(r"\w+", SERIES["mailferry_accounts"][1]))
    assert {state.value for state in AccountCondition} <= words


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_every_alert_says_what_it_is_and_what_follows_and_names_its_page(alert: dict[str, Any]) -> None:
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["description"].endswith(".")
    assert alert["labels"] == {"severity": alert["labels"]["severity"]}
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    page = RUNBOOKS / f"{alert['alert']}.md"
    assert alert["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{page.name}")
    text = page.read_text()
    assert text.startswith(f"# {alert['alert']}\n")
    assert f"Severity: {alert['labels']['severity']}." in text


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_a_summary_is_the_same_each_time_so_that_alerts_can_be_grouped(alert: dict[str, Any]) -> None:
    assert "{{" not in alert["annotations"]["summary"]


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_every_sum_is_for_one_installation(rule: dict[str, Any]) -> None:
    """Else one that works hides another that does not."""
    for labels in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", rule["expr"]):
        kept = {label.strip() for label in labels.split(",")}
        assert {"cluster", "namespace"} <= kept
        assert kept & {"job", "vhost", "instance"}
    assert "without" not in rule["expr"]
    assert not re.search(r"\b(?:sum|max|min|group)\s*\(", rule["expr"]), "an aggregation without `by`"


def test_the_page_has_a_line_for_each_alert_in_their_order() -> None:
    told = re.findall(r"^\| `(Mailferry\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert told == [(alert["alert"], alert["labels"]["severity"]) for alert in ALERTS]


def test_there_is_no_page_for_an_alert_that_is_gone() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("Mailferry*.md")}
    assert pages == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_every_alert_is_tested_where_it_fires_and_where_it_must_not(alert: dict[str, Any]) -> None:
    asked = [
        case
        for test in TESTS
        for case in test["promql_expr_test"]
        if f'alertname="{alert["alert"]}"' in case["expr"]
    ]
    assert [case for case in asked if case["exp_samples"]]
    assert [case for case in asked if not case["exp_samples"]]
