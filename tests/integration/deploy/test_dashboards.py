"""Every query of the dashboards has data in a real Prometheus that scraped all services under load."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.available import require
from tests.servers.dashboards import Watched, panels, watched_load
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq

PANELS = panels()


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot, postgres: Postgres, rabbitmq: RabbitMq
) -> Iterator[Watched]:
    require("prometheus")
    vhost = rabbitmq.add_vhost()
    directory = tmp_path_factory.mktemp("watched")
    with watched_load(directory, dovecot, postgres.create_database(), rabbitmq.url(vhost)) as load:
        yield load


def numbers(series: list[dict[str, Any]]) -> list[float]:
    found = [float(value) for each in series for _, value in each["values"]]
    return [number for number in found if not math.isnan(number)]


@pytest.mark.parametrize(
    ("board", "panel"), PANELS, ids=[f"{board}: {panel['title']}" for board, panel in PANELS]
)
def test_every_query_of_a_panel_has_data(board: str, panel: dict[str, Any], watched: Watched) -> None:
    for target in panel["targets"]:
        assert numbers(watched.series(target["expr"])), target["expr"]


def test_what_the_panels_show_is_what_happened(watched: Watched) -> None:
    shown = {
        panel["title"]: [
            number for target in panel["targets"] for number in numbers(watched.series(target["expr"]))
        ]
        for _, panel in PANELS
    }
    assert max(shown["Running services"]) == 4
    assert max(shown["Failing accounts"]) == 1
    assert max(shown["Targets out of reach"]) == 1
    assert max(shown["Mails"]) > 1
    assert max(shown["Recipients by outcome"]) > 1
    assert max(shown["Postponed without an attempt"]) > 0
    assert max(shown["Memory"]) > 10_000_000


def test_prometheus_reaches_every_service_and_takes_every_rule(watched: Watched) -> None:
    targets = watched.prometheus.ask("targets")["activeTargets"]
    assert [target["health"] for target in targets] == ["up"] * 3
    rules = [rule for group in watched.prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert rules
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    recorded = watched.prometheus.values("mailferry:services:count")
    assert {each["metric"]["service"] for each in recorded} == {"fetcher", "router", "relay", "tokens"}


def test_no_alert_fires_under_healthy_load(watched: Watched) -> None:
    """One failing account and one dead target are no reason to wake anybody; both only begin to wait."""
    firing = watched.prometheus.values('ALERTS{alertstate="firing"}')
    assert [each["metric"]["alertname"] for each in firing] == []
    waiting = {
        each["metric"]["alertname"] for each in watched.prometheus.values('ALERTS{alertstate="pending"}')
    }
    assert "MailferryTargetsOut" in waiting
    assert not waiting & {"MailferryServiceMissing", "MailferryStoreDown", "MailferryBrokerDown"}
