"""Servers that are unpacked into a cache and not installed, see `deploy/debian/unpack-imap-servers`."""

from __future__ import annotations

import os
from pathlib import Path

from tests.servers.available import unavailable

NAME = "mailferry-test-servers"


def roots() -> list[Path]:
    """Return where they may be: root's cache, and one's own."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [cache / NAME / "root" for cache in (Path("/var/cache"), home)]


def find_unpacked(program: str) -> Path | None:
    """Return the root below which there is `program`, a path such as `usr/bin/imapd`, or None."""
    return next((root for root in roots() if (root / program).exists()), None)


def require_unpacked(program: str) -> Path:
    """Return the root; without it the running test is skipped, and fails under `CI=true`."""
    root = find_unpacked(program)
    if root is None:
        unavailable(f"{program} is not unpacked; `make test` does it, or deploy/debian/unpack-imap-servers")
    return root


def library_path(root: Path) -> str:
    """Return the value of LD_LIBRARY_PATH for programs below `root`."""
    folders = [root / "usr/lib", *root.glob("lib/*-linux-gnu*"), *root.glob("usr/lib/*-linux-gnu*")]
    return ":".join(str(folder) for folder in folders)


def environment(root: Path) -> dict[str, str]:
    """Return the environment for programs below `root`."""
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": library_path(root)}
