from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main as mailferry
from shared.config import loading
from tests.fakes.configuration import WHOLE, account


def run(tmp_path: Path, command: str, text: str) -> Result:
    path = tmp_path / "mailferry.toml"
    path.touch(mode=0o600)
    path.write_text('[relay]\nhelo_name = "mx.example"\n' + text)
    places = {
        "MAILFERRY_STORE__URL": f"sqlite:///{tmp_path}/mailferry.db",
        "MAILFERRY_BLOBS__URL": f"file://{tmp_path}/blobs",
    }
    runner = CliRunner(env={"MAILFERRY_CONFIG": None, **places})
    return runner.invoke(mailferry, ["config", command, "-c", str(path)])


def test_check_says_that_there_is_nothing_wrong(tmp_path: Path) -> None:
    result = run(tmp_path, "check", WHOLE)
    assert result.exit_code == 0
    assert result.stdout.endswith("mailferry.toml: no problems; 1 account (1 enabled), 1 target\n")


@pytest.mark.parametrize("command", ["check", "show"])
def test_every_problem_goes_to_standard_error_and_the_exit_code_is_78(tmp_path: Path, command: str) -> None:
    result = run(tmp_path, command, account('retentoin = "7d"', 'poll = "x"'))
    assert result.exit_code == 78
    assert result.stdout == ""
    assert [line.partition(": ")[0].rpartition(":")[2] for line in result.stderr.splitlines()] == ["16", "17"]


def test_show_shows_the_configuration_without_its_secrets(tmp_path: Path) -> None:
    result = run(tmp_path, "show", WHOLE)
    assert result.exit_code == 0
    assert 'name = "catchall"' in result.stdout
    assert "geheim" not in result.output


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(mailferry, ["config", "check", "-c", str(tmp_path / "no.toml")])
    assert result.exit_code == 78
    assert result.stderr == f"{tmp_path}/no.toml: cannot be read: No such file or directory\n"


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mailferry.db"
    (tmp_path / "other.toml").write_text(f'[relay]\nhelo_name = "mx.example"\n[store]\nurl = "{url}"\n')
    result = CliRunner(env={"MAILFERRY_CONFIG": str(tmp_path / "other.toml")}).invoke(
        mailferry, ["config", "check"]
    )
    assert result.exit_code == 0
    assert "other.toml: no problems; 0 accounts" in result.stdout


def test_check_warns_of_what_is_odd_on_standard_error_and_the_exit_code_is_0(tmp_path: Path) -> None:
    result = run(tmp_path, "check", WHOLE + '[[hosts]]\nname = "pop.other.example"\n')
    assert result.exit_code == 0
    assert result.stderr == (
        f'warning: {tmp_path}/mailferry.toml:17: hosts "pop.other.example": "name": '
        'no account has its mailbox there; did you mean "pop.isp.example"?\n'
    )
    assert "no errors, 1 warning; 1 account (1 enabled), 1 target" in result.stdout


def test_without_a_file_where_it_is_looked_for_the_option_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "DEFAULT_PATH", Path("/nonexistent/mailferry.toml"))
    runner = CliRunner(env={"MAILFERRY_CONFIG": None})
    result = runner.invoke(mailferry, ["config", "check", "-c", "/nonexistent/mailferry.toml"])
    assert result.exit_code == 78
    assert result.stderr == (
        "/nonexistent/mailferry.toml: cannot be read: No such file or directory; "
        "name your configuration by -c FILE or in MAILFERRY_CONFIG\n"
    )


def test_an_empty_name_of_the_configuration_is_reported_as_such() -> None:
    result = CliRunner().invoke(mailferry, ["config", "check", "-c", ""])
    assert result.exit_code == 78
    assert result.stderr.startswith("The name of the configuration is empty; name your configuration by -c")
