"""`docs/several-machines.md`, typed line by line into a Debian of its own, until a mail arrives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.command import REPOSITORY
from tests.fakes.tools import tool
from tests.servers.available import require, unavailable
from tests.servers.directory import is_root, server_directory

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1800)]
SECONDS = 1500
INCLUDED = "ca-certificates,openssl,postgresql,procps,python3,python3-venv,rabbitmq-server,sudo,systemd"
NAMESPACES = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child")


@pytest.fixture
def debian() -> Iterator[Path]:
    """The root of a Debian 12 with the servers that the page is about."""
    if not is_root():
        unavailable("only root can make a Debian of its own")
    command = [tool("mmdebstrap"), "--quiet", "--variant=minbase", f"--include={INCLUDED}", "bookworm"]
    with server_directory("machine") as directory:
        root = directory / "root"
        subprocess.run([*command, str(root)], check=True, timeout=SECONDS)
        yield root


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Mailferry's wheel, and those of its libraries: the Debian reaches no package index."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    lock = REPOSITORY / "deploy" / "docker" / "runtime.lock"
    subprocess.run(
        [*pip, "download", "-q", "--no-deps", "--require-hashes", "-r", lock, "-d", tmp_path], check=True
    )
    subprocess.run(
        [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, REPOSITORY],
        check=True,
    )
    return tmp_path


def test_who_follows_the_page_gets_a_mail_delivered(debian: Path, wheels: Path) -> None:
    require("dovecot")
    command = [*NAMESPACES, sys.executable, "-m", "tests.servers.several_machines", str(debian), str(wheels)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=REPOSITORY, timeout=SECONDS
    )
    print(done.stdout)  # noqa: T201 - what was typed
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["delivered"] == ["bob@acme.com"]
    assert "67108864" in result["wal"], "RabbitMQ has read our settings"
