"""What takes minutes to build, built once for all tests of this directory."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fakes.command import REPOSITORY

SECONDS = 1500


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package, built from this tree."""
    place = tmp_path_factory.mktemp("package")
    script = REPOSITORY / "deploy" / "debian" / "build-package"
    done = subprocess.run([script, place], check=False, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-5000:]
    return Path(done.stdout.strip())
