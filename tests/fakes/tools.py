"""Programs that check files in `deploy/`: run where they are installed, else the test is skipped, visibly."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.servers.available import unavailable

CACHE = Path("/var/cache/mailferry-deploy-tools")
"""Where `deploy/debian/install-deploy-tools` puts what Debian does not have."""
SECONDS = 280


def tool(name: str) -> str:
    """The program `name`; without it the running test is skipped, and fails under `CI=true`."""
    found = shutil.which(name, path=f"{CACHE}/bin:{CACHE}/venv/bin") or shutil.which(
        name, path=f"{os.environ['PATH']}:/usr/sbin"
    )
    if found is None:
        unavailable(f"{name} is not installed; deploy/debian/install-deploy-tools installs it")
    return found


def checked(
    name: str, *arguments: str | Path, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> str:
    """What the program wrote to standard output; the test fails if it ends with another code than 0."""
    done = subprocess.run(
        [tool(name), *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environ,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
