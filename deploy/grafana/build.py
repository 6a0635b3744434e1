#!/usr/bin/env python3
"""Writes the dashboards for Grafana: one JSON file for each, beside this script. Run it after a change.

A dashboard is a list of rows, a row is a list of panels, and a panel is its title, what it tells, its unit
and its queries. `[:]` in a query stands for the labels that the variables of the dashboard choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHOSEN = 'cluster=~"$cluster", namespace=~"$namespace", job=~"$job"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
A_PROCESS = ("cluster", "namespace", "job", "instance")
QUANTILES = ((0.5, "half"), (0.95, "95 of 100"), (0.99, "99 of 100"))
YES_OR_NO = [{"type": "value", "options": {"0": {"text": "no"}, "1": {"text": "yes"}}}]
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


def stat(
    title: str, tells: str, query: str, thresholds: Sequence[tuple[str, int | None]], **more: Any
) -> Panel:
    """A single number."""
    return Panel(title, tells, [(query, "")], kind="stat", width=3, height=4, thresholds=thresholds, **more)


def by_process(title: str, tells: str, query: str, **more: Any) -> Panel:
    """A line for each process."""
    return Panel(title, tells, [(query, "{{instance}}")], **more)


def of_service(query: str, service: str) -> str:
    """Series for each process, without the zeros of processes that do not run the service."""
    return f'{query} and on ({", ".join(A_PROCESS)}) mailferry_service_up[:service="{service}", ]'


def of_mailferry(query: str) -> str:
    """A metric that every program has, for processes of Mailferry alone."""
    return f"{query} and on ({', '.join(A_PROCESS)}) mailferry_build_info[:]"


AT_A_GLANCE = Row(
    "At a glance",
    [
        stat(
            "Running services",
            "Fetchers, routers and relays; `mailferry run` counts as three.",
            gauge("mailferry_service_up"),
            GOOD_ABOVE_0,
        ),
        stat(
            "Database",
            "Whether every process can use it.",
            gauge("mailferry_store_up", how="min"),
            GOOD_ABOVE_0,
            yes_or_no=True,
        ),
        stat(
            "Broker",
            "Whether every process can use it.",
            gauge("mailferry_broker_up", how="min"),
            GOOD_ABOVE_0,
            yes_or_no=True,
        ),
        stat(
            "Failing accounts",
            "`mailferry status` shows which and why.",
            gauge("mailferry_accounts", how="max", labels='state="failing", '),
            BAD_ABOVE_0,
        ),
        stat(
            "Targets out of reach",
            "Their mail stays at its source.",
            gauge("mailferry_relay_targets_out", how="max"),
            ALARM_ABOVE_0,
        ),
        stat(
            "Parked recipients",
            "They await an operator: `mailferry parked list`.",
            gauge("mailferry_parked_recipients", how="max"),
            BAD_ABOVE_0,
        ),
        stat(
            "Lost at the source",
            "Mails that left their source undelivered: `mailferry lost`.",
            gauge("mailferry_lost_mails", how="max"),
            ALARM_ABOVE_0,
        ),
        stat(
            "Deletion paused",
            "For example after a restored backup: `mailferry epoch show`.",
            gauge("mailferry_fetcher_deletion_paused", how="max"),
            ALARM_ABOVE_0,
            yes_or_no=True,
        ),
    ],
)

MAILS = Panel(
    "Mails",
    "Read at sources, routed, delivered to recipients, deleted at sources again, and skipped, per second.",
    [
        (rate("mailferry_fetcher_mails_fetched_total"), "fetched"),
        (rate("mailferry_router_mails_total"), "routed"),
        (rate("mailferry_relay_outcomes_total", labels='status="delivered", '), "recipients delivered"),
        (rate("mailferry_fetcher_mails_deleted_total"), "deleted"),
        (rate("mailferry_fetcher_mails_skipped_total"), "skipped"),
    ],
    unit="ops",
    width=12,
)
FROM_FETCH_TO_END = Panel(
    "From fetch to end",
    "How long mails take from their fetch until all their recipients are done.",
    quantiles("mailferry_settle_seconds"),
    unit="s",
    width=12,
)
VISITS = Panel(
    "Visits",
    "To source mailboxes, per second; degraded: complete, with a problem.",
    [(rate("mailferry_fetcher_visits_total", "outcome"), "{{outcome}}")],
    unit="ops",
    stacked=True,
)
OUTCOMES = Panel(
    "Recipients by outcome",
    "After an attempt, per second.",
    [(rate("mailferry_relay_outcomes_total", "status"), "{{status}}")],
    unit="ops",
    stacked=True,
)
ACCOUNTS_BY_STATE = Panel(
    "Accounts by state",
    "What `mailferry status` shows in colours. All fetchers report the same.",
    [(gauge("mailferry_accounts", "state", how="max"), "{{state}}")],
    stacked=True,
)

OVERVIEW = Board(
    "overview",
    "Mailferry: overview",
    "Whether mail is carried. docs/watching.md tells what the alerts mean.",
    [
        AT_A_GLANCE,
        Row("Rate, errors, duration", [MAILS, FROM_FETCH_TO_END, VISITS, OUTCOMES, ACCOUNTS_BY_STATE]),
    ],
)

TENANTS = Board(
    "tenants",
    "Mailferry: tenants and accounts",
    "How the accounts are, and which tenants have failing ones. `mailferry status` names accounts.",
    [
        Row(
            "Accounts",
            [
                ACCOUNTS_BY_STATE,
                Panel(
                    "Failing accounts by tenant",
                    "The tenants with most of them.",
                    [("topk(15, max by (tenant) (mailferry_tenant_accounts_failing[:]))", "{{tenant}}")],
                    kind="bargauge",
                    thresholds=(("orange", None),),
                ),
                Panel(
                    "Longest without success",
                    "The longest time without success of a failing account, pauses included.",
                    [(gauge("mailferry_accounts_failing_oldest_seconds", how="max"), "longest")],
                    unit="s",
                ),
                Panel(
                    "Mail of accounts that are not configured",
                    "Undelivered mails of removed or renamed accounts. `here`: there is no other copy.",
                    [(gauge("mailferry_unnamed_accounts_mails", "held", how="min"), "held: {{held}}")],
                    width=12,
                ),
                Panel(
                    "Lost at the source",
                    "Mails that left their source undelivered, with no copy here.",
                    [(gauge("mailferry_lost_mails", how="max"), "lost")],
                    width=12,
                ),
            ],
        ),
        Row(
            "OAuth",
            [
                Panel(
                    "Grants by state",
                    "By which accounts and targets log in. `mailferry oauth status` says who has to act.",
                    [(gauge("mailferry_oauth_grants", "state", how="max"), "{{state}}")],
                    stacked=True,
                ),
                Panel(
                    "Requests for tokens",
                    "Per second, by what the provider's answer meant.",
                    [(rate("mailferry_oauth_refreshes_total", "outcome"), "{{outcome}}")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Going to stop within 14 days",
                    "Apps and grants.",
                    [(gauge("mailferry_oauth_expiring", how="max"), "apps and grants")],
                ),
                Panel(
                    "Sign-ins given back",
                    "Attempts per second to tell a provider that a sign-in has ended, by outcome.",
                    [(rate("mailferry_oauth_revocations_total", "outcome"), "{{outcome}}")],
                    unit="ops",
                    stacked=True,
                ),
            ],
        ),
    ],
)

TARGETS = Board(
    "targets",
    "Mailferry: targets and parked mail",
    "How delivery goes. No metric names a target yet; `mailferry status` does.",
    [
        Row(
            "Delivery",
            [
                OUTCOMES,
                Panel(
                    "Attempts and retries",
                    "Attempts that were begun, and recipients that wait for another one, per second.",
                    [
                        (rate("mailferry_relay_attempts_total"), "attempts"),
                        (rate("mailferry_relay_retries_total"), "retries"),
                    ],
                    unit="ops",
                ),
                Panel(
                    "Time of an attempt",
                    "With the wait for a free connection.",
                    quantiles("mailferry_relay_delivery_seconds"),
                    unit="s",
                ),
                Panel(
                    "Postponed without an attempt",
                    "Events per second; busy and out: the target, early: the recipients are not due.",
                    [(rate("mailferry_relay_put_off_total", "reason"), "{{reason}}")],
                    unit="ops",
                    stacked=True,
                ),
                by_process(
                    "Targets out of reach",
                    "As each relay sees them.",
                    of_service(gauge("mailferry_relay_targets_out", *A_PROCESS, how="max"), "relay"),
                ),
                Panel(
                    "Deliveries in doubt",
                    "Their mail may arrive twice.",
                    [(increase("mailferry_relay_in_doubt_total"), "in doubt")],
                ),
            ],
        ),
        Row(
            "Parked mail",
            [
                Panel(
                    "Parked recipients",
                    "They await an operator.",
                    [(gauge("mailferry_parked_recipients", how="max"), "recipients")],
                ),
                Panel(
                    "Size of parked mail",
                    "Octets of the mails.",
                    [(gauge("mailferry_parked_bytes", how="max"), "octets")],
                    unit="bytes",
                ),
                Panel(
                    "Longest wait",
                    "Age of the oldest parked recipient.",
                    [(gauge("mailferry_parked_oldest_seconds", how="max"), "oldest")],
                    unit="s",
                ),
            ],
        ),
    ],
)

FETCHER = Row(
    "Fetcher",
    [
        VISITS,
        Panel(
            "Sessions with sources",
            "Open now, by process; kept: they stay open between visits.",
            [
                (of_service(gauge("mailferry_fetcher_sessions_open", *A_PROCESS), "fetcher"), "{{instance}}"),
                (
                    of_service(gauge("mailferry_fetcher_sessions_kept", *A_PROCESS), "fetcher"),
                    "{{instance}}, kept",
                ),
            ],
        ),
        Panel(
            "Visits under way",
            "Not logged in yet, silent, slow and working.",
            [(gauge("mailferry_fetcher_places", "state"), "{{state}}")],
            stacked=True,
        ),
        by_process(
            "Mails in flight",
            "Fetched and not settled.",
            of_service(gauge("mailferry_fetcher_mails_in_flight", *A_PROCESS), "fetcher"),
            stacked=True,
        ),
        by_process(
            "Octets read",
            "From sources.",
            of_service(rate("mailferry_fetcher_fetched_bytes_total", *A_PROCESS), "fetcher"),
            unit="Bps",
            stacked=True,
        ),
        by_process(
            "Memory of listings",
            "Estimated memory of the listings of open sessions.",
            of_service(gauge("mailferry_fetcher_listing_bytes", *A_PROCESS), "fetcher"),
            unit="bytes",
        ),
        by_process(
            "Leases lost",
            "Visits that were aborted because the fetcher hung for too long.",
            of_service(increase("mailferry_fetcher_leases_lost_total", *A_PROCESS), "fetcher"),
            width=12,
        ),
        by_process(
            "Visits that lost their slot",
            "They made no progress while other accounts waited.",
            of_service(increase("mailferry_fetcher_places_taken_total", *A_PROCESS), "fetcher"),
            width=12,
        ),
    ],
    closed=True,
)
ROUTER = Row(
    "Router",
    [
        Panel(
            "Mails by evidence",
            "The evidence that decided the recipients, per second.",
            [(rate("mailferry_router_mails_total", "evidence"), "{{evidence}}")],
            unit="ops",
            stacked=True,
        ),
        Panel(
            "Mails in a batch",
            "How many were routed in one transaction.",
            quantiles("mailferry_router_batch_mails"),
        ),
        Panel(
            "Time of a batch",
            "From taking it to its acknowledgement.",
            quantiles("mailferry_router_batch_seconds"),
            unit="s",
        ),
    ],
    closed=True,
)
BROKER_AND_DATABASE = Row(
    "Broker and database",
    [
        Panel(
            "Events",
            "Handed to the broker and confirmed by it, per second.",
            [
                (rate("mailferry_broker_published_total"), "published"),
                (rate("mailferry_broker_confirmed_total"), "confirmed"),
            ],
            unit="ops",
        ),
        Panel(
            "Events that did not arrive",
            "Unroutable: queues are missing (`mailferry topology check`). Dead: not understood.",
            [
                (increase("mailferry_broker_unroutable_total"), "unroutable"),
                (increase("mailferry_broker_dead_total"), "dead"),
            ],
        ),
        Panel(
            "Can be used",
            "By each process: 1 while it can.",
            [
                (gauge("mailferry_store_up", "instance", how="min"), "database, {{instance}}"),
                (gauge("mailferry_broker_up", "instance", how="min"), "broker, {{instance}}"),
            ],
        ),
    ],
    closed=True,
)
PROCESSES = Row(
    "Processes",
    [
        by_process(
            "Memory",
            "Resident.",
            of_mailferry("process_resident_memory_bytes[:]"),
            unit="bytes",
        ),
        by_process(
            "Processor",
            "Cores that are kept busy.",
            of_mailferry("rate(process_cpu_seconds_total[:][$__rate_interval])"),
        ),
        by_process(
            "Files and connections",
            "Open file descriptors, as a part of those that a process may have.",
            of_mailferry("process_open_fds[:] / process_max_fds[:]"),
            unit="percentunit",
        ),
        by_process(
            "Configuration refused",
            "1 after a changed configuration was refused, until one is taken over.",
            gauge("mailferry_reload_failed", "instance", how="max"),
            width=12,
        ),
        Panel(
            "Versions",
            "What runs where.",
            [(gauge("mailferry_build_info", "instance", "version", how="max"), "")],
            kind="table",
            width=12,
        ),
    ],
)
SERVICES = Board(
    "services",
    "Mailferry: services",
    "Each service, the broker, the database and the processes. Open a row to see it.",
    [PROCESSES, FETCHER, ROUTER, BROKER_AND_DATABASE],
)
BOARDS = (OVERVIEW, TENANTS, TARGETS, SERVICES)


def expression(query: str) -> str:
    """A query as Prometheus takes it."""
    return re.sub(r"\[:([^\]]*)\]", lambda match: "{" + match[1] + CHOSEN + "}", query)


def built(board: Board) -> dict[str, Any]:
    """A dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    number = y = 0
    for row in board.rows:
        number += 1
        header = {"id": number, "type": "row", "title": row.title, "collapsed": row.closed}
        header |= {"gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}}
        inner: list[dict[str, Any]] = []
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            number += 1
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            inner.append(_panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
            x, height = x + panel.width, max(height, panel.height)
        y += height
        panels += [header | {"panels": inner}] if row.closed else [header | {"panels": []}, *inner]
    return {
        "title": board.title,
        "uid": f"mailferry-{board.name}",
        "description": board.tells,
        "tags": ["mailferry", "mail"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [_starts(), _alerts()]},
        "links": [_links()],
        "templating": {"list": [_datasource(), *map(_variable, ("cluster", "namespace", "job"))]},
        "panels": panels,
    }


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.thresholds:
        steps = [{"color": colour, "value": value} for colour, value in panel.thresholds]
        defaults |= {"thresholds": {"mode": "absolute", "steps": steps}, "color": {"mode": "thresholds"}}
    if panel.yes_or_no:
        defaults["mappings"] = YES_OR_NO
    if panel.kind == "timeseries":
        stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
        fill = 30 if panel.stacked else 5
        drawing = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": fill, "showPoints": "never"}
        defaults["custom"] = drawing | {"stacking": stacking}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.tells,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": OPTIONS[panel.kind],
        "targets": [
            _target(chr(ord("A") + index), query, legend, panel.kind)
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }


_REDUCED = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {**_REDUCED, "colorMode": "background", "graphMode": "none", "textMode": "value"},
    "bargauge": {**_REDUCED, "displayMode": "basic", "orientation": "horizontal"},
    "table": {"showHeader": True, "cellHeight": "sm"},
}


def _target(letter: str, query: str, legend: str, kind: str) -> dict[str, Any]:
    now = kind != "timeseries"
    target: dict[str, Any] = {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": expression(query),
        "legendFormat": legend,
    }
    target |= {"instant": now, "range": not now}
    return target | ({"format": "table"} if kind == "table" else {})


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "refresh": 1,
        "multi": False,
        "includeAll": False,
    }


def _variable(label: str) -> dict[str, Any]:
    """A variable that chooses values of a label. All is `.*`, which also takes series without the label."""
    before = {
        "cluster": "",
        "namespace": 'cluster=~"$cluster"',
        "job": 'cluster=~"$cluster", namespace=~"$namespace"',
    }
    query = f"label_values(mailferry_build_info{{{before[label]}}}, {label})"
    return {
        "name": label,
        "label": label.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": label},
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def _starts() -> dict[str, Any]:
    return _annotation(
        "Starts", "blue", expression("changes(process_start_time_seconds[:][1m]) > 0"), "{{instance}} started"
    )


def _alerts() -> dict[str, Any]:
    firing = 'ALERTS{alertname=~"Mailferry.*", alertstate="firing", severity!="info"}'
    return _annotation("Alerts", "red", firing, "{{alertname}} {{job}}")


def _annotation(name: str, colour: str, query: str, title: str) -> dict[str, Any]:
    annotation = {"name": name, "datasource": DATASOURCE, "enable": True, "iconColor": colour}
    return annotation | {"expr": query, "titleFormat": title, "step": "60s"}


def _links() -> dict[str, Any]:
    link = {"title": "Mailferry", "type": "dashboards", "tags": ["mailferry"], "asDropdown": True}
    return link | {"keepTime": True, "includeVars": True, "targetBlank": False}


def text_of(board: Board) -> str:
    """The text of a dashboard's file."""
    return json.dumps(built(board), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in BOARDS:
        (HERE / f"{each.name}.json").write_text(text_of(each), encoding="utf-8")
