"""The alerts do what their tests in `deploy/prometheus/tests/` say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.command import REPOSITORY
from tests.fakes.tools import checked

PROMETHEUS = REPOSITORY / "deploy" / "prometheus"


def test_prometheus_takes_the_rules() -> None:
    checked("promtool", "check", "rules", "alerts.yml", "recording.yml", cwd=PROMETHEUS)


@pytest.mark.parametrize("path", sorted((PROMETHEUS / "tests").glob("*.yml")), ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_are_silent_when_they_should_not(path: Path) -> None:
    checked("promtool", "test", "rules", path, cwd=PROMETHEUS)
