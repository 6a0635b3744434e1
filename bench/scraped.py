"""Samples of a working Mailferry's metrics."""

from __future__ import annotations

import urllib.request

from tests.servers.ports import LOOPBACK

PATIENCE = 30.0


def scraped(port: int) -> dict[str, float]:
    """All samples, by name with labels; empty while nothing answers there."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}
