"""The documentation is built from the pages as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.command import REPOSITORY

pytestmark = pytest.mark.deploy


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(tmp_path)]
    built = subprocess.run(build, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    home = (tmp_path / "README.html").read_text()
    assert "Look it up" in home
    assert "reference/commands.html" in home
