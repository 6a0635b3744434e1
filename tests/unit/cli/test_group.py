"""What all commands share: the version, completion in a shell, errors as sentences, and man pages."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.cli.__main__ import main as mailferry
from shared.adapters.sql.schema import newest_revision
from tests.fakes.command import REPOSITORY

VARIABLE = "_MAILFERRY_COMPLETE"


def completed(*words: str) -> list[str]:
    """What a bash offers for the last word."""
    environ = {
        "_MAILFERRY_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["mailferry", *words]),
        "COMP_CWORD": str(len(words)),
    }
    shown = CliRunner(env=environ).invoke(mailferry, prog_name="mailferry", complete_var=VARIABLE)
    assert shown.exit_code == 0
    return [line.partition(",")[2] for line in shown.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("heal",), ["healthcheck"]),
        (("parked", "re"), ["retry"]),
        (("status", "--fa"), ["--failing"]),
        (("status", "-o", ""), ["table", "json"]),
    ],
)
def test_a_shell_completes_commands_options_and_values(words: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    environ = {"_MAILFERRY_COMPLETE": f"{shell}_source"}
    script = CliRunner(env=environ).invoke(mailferry, prog_name="mailferry", complete_var=VARIABLE)
    assert script.exit_code == 0
    assert "_MAILFERRY_COMPLETE" in script.stdout


def test_the_version_comes_with_the_revision_of_the_schema() -> None:
    shown = CliRunner().invoke(mailferry, ["--version"])
    assert shown.stdout == f"mailferry {version('mailferry')} (schema {newest_revision()})\n"
    assert re.fullmatch(r"\d{4}", newest_revision())


def test_debug_shows_the_traceback_of_a_command_in_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.parked.operate", lambda *_: 1 / 0)
    monkeypatch.setattr("services.cli.parked.load", lambda *_: None)
    assert CliRunner().invoke(mailferry, ["parked", "list"]).exit_code == 1
    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(mailferry, ["--debug", "parked", "list"], catch_exceptions=False)


def test_each_command_has_a_man_page(tmp_path: Path) -> None:
    tool = REPOSITORY / "deploy" / "tools" / "write-man-pages"
    subprocess.run([sys.executable, tool, tmp_path], check=True, timeout=60)
    pages = {each.name for each in tmp_path.iterdir()}
    assert {"mailferry.1", "mailferry-status.1", "mailferry-account-import.1"} <= pages
    assert r"mailferry\-status" in (tmp_path / "mailferry-status.1").read_text()
