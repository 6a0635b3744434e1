"""Podman with its images in a directory of its own, and base images for which no registry is needed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.fakes.tools import tool

SECONDS = 3000
SETTINGS = """\
[containers]
default_ulimits=["nofile=20000:20000","nproc=8192:8192"]
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
network_backend="netavark"
"""


class Podman:
    """Podman with its images in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "containers.conf").write_text(SETTINGS)

    def run(self, *arguments: str, ends_with: int = 0) -> str:
        """Run a command of Podman, and return what it writes; the test fails if it ends otherwise."""
        places = [f"--root={self.directory}/root", f"--runroot={self.directory}/run", "--storage-driver=vfs"]
        done = subprocess.run(
            [tool("podman"), *places, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={**os.environ, "CONTAINERS_CONF": str(self.directory / "containers.conf")},
        )
        assert done.returncode == ends_with, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def import_debian(self, image: str, packages: str) -> None:
        """Make a small Debian 12 with `packages`, separated by commas, and call it `image`."""
        archive = self.directory / "base.tar"
        command = [tool("mmdebstrap"), "--quiet", "--variant=minbase", f"--include={packages}", "bookworm"]
        subprocess.run([*command, str(archive)], check=True, timeout=SECONDS)
        self.run("import", str(archive), image)
        archive.unlink()
