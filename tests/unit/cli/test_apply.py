"""`mailferry apply`: what is printed, and with which code it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main as mailferry
from tests.fakes.configuration import TARGET, WHOLE

INFRASTRUCTURE = 'store.url = "sqlite:mailferry.db"\nrelay.helo_name = "ferry.corp.example"\n'


class Installation:
    """A configuration file, and the command on it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "mailferry.toml"
        self.path.touch(mode=0o600)

    def apply(self, text: str, *options: str) -> Result:
        self.path.write_text(INFRASTRUCTURE + text)
        return CliRunner().invoke(mailferry, ["apply", "-c", str(self.path), *options])


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_the_changes_are_shown_and_summed_up(installation: Installation) -> None:
    shown = installation.apply(WHOLE)
    assert shown.exit_code == 0, shown.output
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert any("added" in line and "account acme/catchall" in line for line in lines)
    assert lines[-1] == f"{installation.path}: 2 added"
    again = installation.apply(WHOLE)
    assert again.stdout == f"{installation.path}: the registry has all of it; nothing to change\n"


def test_a_dry_run_says_that_nothing_was_written(installation: Installation) -> None:
    shown = installation.apply(WHOLE, "--dry-run")
    assert shown.stdout.endswith("2 added; nothing was written (--dry-run)\n")
    assert installation.apply(WHOLE).stdout.endswith("2 added\n")


def test_what_left_the_file_is_disabled_or_with_prune_removed(installation: Installation) -> None:
    installation.apply(WHOLE)
    assert installation.apply(TARGET).stdout.endswith("1 disabled\n")
    assert installation.apply("", "--prune").stdout.endswith("2 removed\n")


def test_programs_get_every_change_and_no_secret(installation: Installation) -> None:
    installation.apply(WHOLE)
    shown = installation.apply(WHOLE.replace("geheim", "ganz-geheim"), "-o", "json")
    assert json.loads(shown.stdout) == [
        {"action": "changed", "kind": "account", "id": "acme/catchall", "keys": ["password"]}
    ]
    assert "geheim" not in shown.output


def test_a_mistake_changes_nothing(installation: Installation) -> None:
    failed = installation.apply(WHOLE.replace("catch-all", "cetch-all"))
    assert failed.exit_code == 78
    assert "cetch-all" in failed.output
    assert installation.apply(WHOLE).stdout.endswith("2 added\n")
