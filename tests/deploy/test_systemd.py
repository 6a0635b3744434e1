"""The units under a systemd that has booted, in a container: start, reload, hang, refusal, backup, purge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.available import unavailable
from tests.servers.directory import is_root, server_directory
from tests.servers.podman import Podman
from tests.servers.process import eventually

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1800)]
IMAGE = "localhost/debian-with-systemd"
INCLUDED = "ca-certificates,dbus,procps,python3,systemd,systemd-sysv"
CONFIGURATION = """\
[relay]
helo_name = "mx.example"

[[targets]]
name = "exchange"
url = "smtp://127.0.0.1:9"
tls = "off"
"""
BACKUP = "STORE=/var/lib/mailferry/mailferry.db\nBLOBS=/var/lib/mailferry/blobs\n"
QUICK_WATCHDOG = "[Service]\nWatchdogSec=5\nRestartSec=0\n"
"""In place of two minutes."""

Typed = Callable[[str], str]


@pytest.fixture(scope="module")
def typed(package: Path) -> Iterator[Typed]:
    """Run a command of the shell in a Debian that has booted, with the package installed and configured."""
    if not is_root():
        unavailable("only root can boot a container")
    with server_directory("booted") as directory:
        podman = Podman(directory)
        podman.import_debian(IMAGE, INCLUDED)
        container = podman.run(
            *("run", "--detach", "--privileged", "--systemd=always", "--network=none"),
            *(f"--volume={package.parent}:/srv/package:ro", IMAGE, "/lib/systemd/systemd"),
        ).strip()

        def run(command: str) -> str:
            return podman.run("exec", container, "sh", "-euc", command).strip()

        try:
            run("until systemctl is-system-running --wait; do sleep 0.2; done")
            run(f"dpkg --install /srv/package/{package.name}")
            write(run, "/etc/mailferry/mailferry.toml", CONFIGURATION)
            write(run, "/etc/default/mailferry-backup", BACKUP)
            run("systemctl start mailferry")
            yield run
        finally:
            podman.run("rm", "--force", container)


def write(run: Typed, path: str, text: str) -> None:
    """Write a file that root and the service may read."""
    run(f"cat >{path} <<'END'\n{text}END\nchown root:mailferry {path}; chmod 640 {path}")


def shown(typed: Typed, unit: str, name: str) -> str:
    """A property of a unit."""
    return typed(f"systemctl show --value --property={name} {unit}")


def test_a_started_service_is_ready_and_stays_the_same_when_it_is_reloaded(typed: Typed) -> None:
    assert shown(typed, "mailferry", "ActiveState") == "active"
    assert typed("mailferry healthcheck") == "ready"
    process = shown(typed, "mailferry", "MainPID")
    typed("systemctl reload mailferry")
    assert shown(typed, "mailferry", "ActiveState") == "active"
    assert shown(typed, "mailferry", "MainPID") == process


def test_a_service_that_hangs_is_killed_and_started_again(typed: Typed) -> None:
    typed("mkdir -p /etc/systemd/system/mailferry.service.d")
    write(typed, "/etc/systemd/system/mailferry.service.d/quick.conf", QUICK_WATCHDOG)
    typed("systemctl daemon-reload; systemctl restart mailferry")
    typed("systemctl kill --signal=STOP --kill-who=main mailferry")
    assert eventually(lambda: shown(typed, "mailferry", "NRestarts") == "1")
    assert eventually(lambda: shown(typed, "mailferry", "ActiveState") == "active")
    assert typed("mailferry healthcheck") == "ready"
    assert "Watchdog timeout" in typed("journalctl --unit=mailferry --no-pager")
    typed(
        "rm -r /etc/systemd/system/mailferry.service.d; systemctl daemon-reload; systemctl restart mailferry"
    )


def test_a_wrong_configuration_is_reported_and_not_tried_again(typed: Typed) -> None:
    """The fetcher alone needs RabbitMQ, which this configuration does not name."""
    typed("! systemctl start mailferry-fetcher@1")
    assert shown(typed, "mailferry-fetcher@1", "ExecMainStatus") == "78"
    assert shown(typed, "mailferry-fetcher@1", "NRestarts") == "0"
    assert "broker" in typed("journalctl --unit=mailferry-fetcher@1 --no-pager")


def test_the_backup_runs_beside_it_within_its_limits(typed: Typed) -> None:
    typed("systemctl start mailferry-backup")
    assert "mailferry.db" in typed("ls /var/backups/mailferry/*/")


def test_an_upgrade_restarts_what_runs(typed: Typed) -> None:
    process = shown(typed, "mailferry", "MainPID")
    typed("dpkg --install /srv/package/*.deb")
    assert shown(typed, "mailferry", "ActiveState") == "active"
    assert shown(typed, "mailferry", "MainPID") not in {process, "0"}


def test_a_purge_stops_it_and_leaves_its_data(typed: Typed) -> None:
    typed("dpkg --purge mailferry")
    assert typed("! pgrep --full [/]opt/mailferry; ls /var/lib/mailferry").startswith("blobs")
