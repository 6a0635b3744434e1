#!/usr/bin/env python3
"""Writes the dashboards for Grafana: one JSON file for each, beside this script. Run it after a change.

What they show is in `boards/`, with a module for each.
"""

from __future__ import annotations

from pathlib import Path

from boards.overview import OVERVIEW
from boards.rendering import text_of
from boards.services import SERVICES
from boards.targets import TARGETS
from boards.tenants import TENANTS

HERE = Path(__file__).resolve().parent
BOARDS = (OVERVIEW, TENANTS, TARGETS, SERVICES)

if __name__ == "__main__":
    for each in BOARDS:
        (HERE / f"{each.name}.json").write_text(text_of(each), encoding="utf-8")
