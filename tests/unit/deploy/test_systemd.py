"""The units are what systemd accepts, and give away as little as systemd can measure."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from services.cli.__main__ import AllCommands
from shared.model.errors import ConfigurationError
from shared.runtime.exit_codes import USAGE
from shared.runtime.run_services import STOP_DEADLINE
from tests.fakes.command import REPOSITORY
from tests.fakes.tools import checked

SYSTEMD = REPOSITORY / "deploy" / "systemd"
SERVICES = sorted(SYSTEMD.glob("*.service"))
UNITS = sorted({*SERVICES, *SYSTEMD.glob("*.target"), *SYSTEMD.glob("*.timer")})
PROGRAM = re.compile(r"^(ExecStart=)(/opt/mailferry/bin/mailferry|/usr/lib/mailferry/\S+)", re.MULTILINE)


def settings(unit: Path) -> configparser.SectionProxy:
    """The section [Service]; of keys that stand twice, the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # systemd's keys have capitals
    parser.read(unit)
    return parser["Service"]


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that is on this machine, too."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(PROGRAM.sub(r"\1/bin/true", unit.read_text()))
    return tmp_path


@pytest.mark.parametrize("name", [unit.name for unit in UNITS])
def test_systemd_finds_nothing_wrong_with_a_unit(name: str, units: Path) -> None:
    checked("systemd-analyze", "verify", "--man=no", units / name.replace("@.", "@1."))


@pytest.mark.parametrize("name", [unit.name for unit in SERVICES])
def test_a_service_is_hardened_up_to_what_it_needs(name: str, units: Path) -> None:
    """The scale ends at 10; a unit without hardening has 9.6."""
    checked("systemd-analyze", "security", "--offline=true", "--threshold=15", units / name)


@pytest.mark.parametrize(
    "unit", [unit for unit in SERVICES if "backup" not in unit.name], ids=lambda u: u.name
)
def test_a_service_runs_a_command_that_there_is_and_is_not_restarted_in_vain(unit: Path) -> None:
    found = settings(unit)
    command = found["ExecStart"].split()
    assert command[1] in AllCommands.places
    assert found["Type"] == "notify"
    assert found["RestartPreventExitStatus"] == f"{USAGE} {ConfigurationError.exit_code}"
    assert float(found["TimeoutStopSec"]) > STOP_DEADLINE


def test_the_process_of_each_service_reads_proc_for_its_metrics() -> None:
    """With ProcSubset=pid there is no /proc/stat, and all metrics `process_…` would be missing."""
    for unit in SERVICES:
        assert "ProcSubset" not in settings(unit)


def test_each_service_has_a_unit_of_its_own() -> None:
    names = {unit.name for unit in SERVICES}
    assert {f"mailferry-{service}@.service" for service in ("fetcher", "router", "relay", "control")} <= names
