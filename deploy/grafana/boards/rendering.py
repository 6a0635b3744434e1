"""A dashboard as the JSON that Grafana imports."""

from __future__ import annotations

import json
import re
from typing import Any

from boards.panels import Board, Panel

CHOSEN = 'cluster=~"$cluster", namespace=~"$namespace", job=~"$job"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
YES_OR_NO = [{"type": "value", "options": {"0": {"text": "no"}, "1": {"text": "yes"}}}]


def text_of(board: Board) -> str:
    """The text of a dashboard's file."""
    return json.dumps(built(board), indent=2, ensure_ascii=False) + "\n"


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
