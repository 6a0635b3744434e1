from __future__ import annotations

import json

from click.testing import CliRunner

from services.cli.__main__ import main as mailferry


def test_all_providers_are_listed_with_their_servers() -> None:
    result = CliRunner().invoke(mailferry, ["providers", "-o", "json"])
    listed = {each["name"]: each for each in json.loads(result.stdout)}
    assert listed["gmx"]["pop3"] == "pop.gmx.net"
    assert listed["icloud"]["pop3"] is None
    assert listed["ovh"]["interval"] == "1m"


def test_one_provider_is_found_by_another_name_it_has() -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(mailferry, ["providers", "1und1"])
    assert result.exit_code == 0
    assert "pop.ionos.de" in result.stdout
    assert "gmail" not in result.stdout


def test_an_unknown_provider_is_a_usage_error() -> None:
    result = CliRunner().invoke(mailferry, ["providers", "nobody"])
    assert result.exit_code == 2
    assert 'There is no provider "nobody"' in result.stderr
