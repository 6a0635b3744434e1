"""The Debian package: built, checked by lintian, and installed, used and purged in a Debian of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.tools import checked
from tests.servers.available import unavailable
from tests.servers.directory import is_root, server_directory

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1800)]
SECONDS = 1500
INCLUDED = "python3,ca-certificates,procps,systemd"


@pytest.fixture(scope="module")
def debian() -> Iterator[Path]:
    """The root of a small Debian 12."""
    if not is_root():
        unavailable("only root can make a Debian of its own")
    with server_directory("debian") as directory:
        root = directory / "root"
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={INCLUDED}",
            "bookworm",
            str(root),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr[-5000:]
        yield root


def inside(root: Path, *command: str) -> str:
    """Run a command there, with a /proc, which goes with its mount namespace."""
    script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(root), *command],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_lintian_finds_no_error(package: Path) -> None:
    checked("lintian", "--allow-root", "--fail-on", "error", package)


def test_it_is_installed_used_upgraded_and_purged(package: Path, debian: Path) -> None:
    (debian / "tmp" / package.name).write_bytes(package.read_bytes())
    inside(debian, "dpkg", "--install", f"/tmp/{package.name}")  # noqa: S108 - inside the Debian of the test
    assert "mailferry 0." in inside(debian, "/usr/bin/mailferry", "--version")
    assert inside(debian, "stat", "-c", "%U:%G %a", "/var/lib/mailferry").strip() == "mailferry:mailferry 700"
    assert inside(debian, "stat", "-c", "%U:%G %a", "/etc/mailferry").strip() == "root:mailferry 750"
    inside(debian, "systemd-analyze", "verify", "--man=no", "/lib/systemd/system/mailferry.service")
    assert not (debian / "etc/systemd/system/multi-user.target.wants/mailferry.service").exists()
    user = ["setpriv", "--reuid=mailferry", "--regid=mailferry", "--clear-groups", "--no-new-privs"]
    shown = inside(debian, *user, "/usr/bin/mailferry", "demo")
    assert "Every mail is where it belongs" in shown
    (debian / "var/lib/mailferry/kept").write_text("the only copy")
    inside(debian, "dpkg", "--install", f"/tmp/{package.name}")  # noqa: S108 - as above
    inside(debian, "dpkg", "--purge", "mailferry")
    assert not (debian / "opt/mailferry").exists()
    assert (debian / "var/lib/mailferry/kept").read_text() == "the only copy"
