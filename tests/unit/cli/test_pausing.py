from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main as mailferry
from shared.adapters.sql import upgrade
from tests.fakes.configuration import ACCOUNT, TARGET

ACCOUNTS = ACCOUNT + ACCOUNT.replace('"catchall"', '"other"') + ACCOUNT.replace('"acme"', '"zeta"')


class Mailferry:
    """The command on a store that knows three accounts."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "mailferry.toml"
        self.url = f"sqlite://{directory}/mailferry.db"
        self.path.write_text(
            f'[relay]\nhelo_name = "mx.example"\n[store]\nurl = "{self.url}"\n' + TARGET + ACCOUNTS
        )
        upgrade(self.url)

    def __call__(self, *arguments: str) -> Result:
        command, *rest = arguments
        return CliRunner(env={"MAILFERRY_CONFIG": str(self.path)}).invoke(mailferry, [command, *rest])


@pytest.fixture
def ferry(tmp_path: Path) -> Mailferry:
    ferry = Mailferry(tmp_path)
    assert ferry("apply").exit_code == 0
    return ferry


def test_an_account_is_paused_and_shown_yellow_until_it_is_resumed(ferry: Mailferry) -> None:
    assert ferry("pause", "acme/other").stdout == "1 account paused\n"
    rows = {each["account"]: each for each in json.loads(ferry("status", "-o", "json").stdout)["accounts"]}
    assert (rows["acme/other"]["colour"], rows["acme/catchall"]["colour"]) == ("yellow", "white")
    assert rows["acme/other"]["sentence"].startswith("paused")
    assert rows["acme/other"]["due_at"] is None
    assert ferry("resume", "acme/other").stdout == "1 account resumed\n"
    rows = {each["account"]: each for each in json.loads(ferry("status", "-o", "json").stdout)["accounts"]}
    assert rows["acme/other"]["colour"] == "white"


def test_a_tenant_and_everything_are_paused_at_once(ferry: Mailferry) -> None:
    assert ferry("pause", "acme/").stdout == "2 accounts paused\n"
    assert ferry("pause", "--all").stdout == "1 account paused; 2 accounts were paused already\n"
    resumed = ferry("resume", "acme/", "-o", "json")
    assert json.loads(resumed.stdout) == {"changed": [], "still_paused_by": ["*"]}
    assert ferry("resume", "--all").stdout == "3 accounts resumed\n"


def test_what_is_paused_already_is_told_and_not_counted_as_changed(ferry: Mailferry) -> None:
    ferry("pause", "acme/")
    assert ferry("pause", "acme/other").stdout == "0 accounts paused; 1 account was paused already\n"
    assert ferry("pause", "acme/").stdout == "0 accounts paused; 2 accounts were paused already\n"
    paused = json.loads(ferry("pause", "--all", "-o", "json").stdout)
    assert paused["changed"] == ["zeta/catchall"]
    assert paused["already_paused"] == ["acme/catchall", "acme/other"]


def test_a_pause_before_the_first_start_says_that_it_holds_later_accounts(tmp_path: Path) -> None:
    said = Mailferry(tmp_path)("pause", "--all").stdout
    assert said == "0 accounts paused; 3 accounts that are not scheduled yet are paused, too\n"


def test_a_pause_without_any_account_says_that_it_holds_later_ones(tmp_path: Path) -> None:
    ferry = Mailferry(tmp_path)
    ferry.path.write_text(ferry.path.read_text().replace(ACCOUNTS, ""))
    said = ferry("pause", "--all").stdout
    assert said == "0 accounts paused; accounts that are added later are paused, too\n"


def test_accounts_that_are_not_scheduled_yet_are_told_beside_those_that_are_paused(
    ferry: Mailferry,
) -> None:
    eve = ACCOUNT.replace('"catchall"', '"eve"')
    ferry.path.write_text(ferry.path.read_text() + eve)
    ferry("pause", "zeta/")
    names = ("acme/other", "acme/eve", "zeta/catchall")
    assert ferry("pause", *names).stdout == (
        "1 account paused; 1 account was paused already; 1 account that is not scheduled yet is paused, too\n"
    )
    assert ferry("pause", "acme/eve").stdout == "0 accounts paused; 1 account was paused already\n"
    paused = json.loads(ferry("pause", "acme/", "-o", "json").stdout)
    assert (paused["changed"], paused["not_scheduled"]) == (["acme/catchall"], [])


def test_what_a_wider_pause_holds_is_told(ferry: Mailferry) -> None:
    ferry("pause", "acme/")
    result = ferry("resume", "acme/other")
    assert result.stdout == "0 accounts resumed\n"
    assert result.stderr == "still paused: the tenant acme/\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "or give --all"),
        (["--all", "acme/other"], "or give --all"),
        (["nobody/"], 'no tenant "nobody"'),
        (["acme/othre"], 'Did you mean "acme/other"'),
    ],
)
def test_what_is_not_understood_is_a_usage_error(
    ferry: Mailferry, arguments: list[str], expected: str
) -> None:
    result = ferry("pause", *arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
