"""HAProxy takes the example."""

from __future__ import annotations

from tests.fakes.command import REPOSITORY
from tests.fakes.tools import checked


def test_haproxy_finds_nothing_wrong_with_the_example() -> None:
    checked("haproxy", "-c", "-f", REPOSITORY / "deploy" / "haproxy" / "mailferry.cfg")
