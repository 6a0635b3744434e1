from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from services.cli import autoconfig as command
from services.cli.__main__ import main as mailferry
from tests.fakes.autoconfig_documents import ScriptedNetwork, document

OWN = "https://autoconfig.corp.example/mail/config-v1.1.xml"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> ScriptedNetwork:
    """The network that the command uses: the domain has an autoconfig server."""
    scripted = ScriptedNetwork({OWN: document()})
    monkeypatch.setattr(command, "Internet", lambda web: scripted)
    return scripted


def test_the_servers_are_a_table_with_how_each_was_found(network: ScriptedNetwork) -> None:
    result = CliRunner(env={"COLUMNS": "160"}).invoke(mailferry, ["autoconfig", "bob@corp.example"])
    assert result.exit_code == 0
    assert result.stdout.index("imaps://imap.isp.example") < result.stdout.index("pop3s://pop.isp.example")
    assert "autoconfig of the domain" in result.stdout


def test_programs_get_all_facts(network: ScriptedNetwork) -> None:
    arguments = ["autoconfig", "bob@corp.example", "--protocol", "pop3", "-o", "json"]
    read = json.loads(CliRunner().invoke(mailferry, arguments).stdout)
    assert read["address"] == "bob@corp.example"
    assert [each["source"] for each in read["candidates"]] == [
        "pop3s://pop.isp.example",
        "imaps://imap.isp.example",
    ]
    assert read["candidates"][0] == {
        "source": "pop3s://pop.isp.example",
        "username": "bob",
        "protocol": "pop3",
        "host": "pop.isp.example",
        "port": 995,
        "tls": "implicit",
        "found": "autoconfig of the domain",
        "confidence": "high",
        "provider": None,
        "tokens_only": False,
        "note": None,
    }
    assert read["problems"] == ["There is no domain corp.example."]


def test_what_a_provider_needs_is_a_note(network: ScriptedNetwork) -> None:
    read = json.loads(CliRunner().invoke(mailferry, ["autoconfig", "bob@gmail.com", "-o", "json"]).stdout)
    assert read["candidates"][0]["note"].startswith("Needs an app password")
    assert network.asked == []


def test_every_way_is_tried_where_that_is_wanted(network: ScriptedNetwork) -> None:
    CliRunner().invoke(mailferry, ["autoconfig", "bob@corp.example", "--all"])
    assert "SRV _imaps._tcp.corp.example" in network.asked


def test_where_nothing_is_found_the_reasons_are_told(network: ScriptedNetwork) -> None:
    result = CliRunner().invoke(mailferry, ["autoconfig", "bob@other.example"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no domain other.example." in result.stderr
    assert "No server was found for bob@other.example." in result.stderr


def test_what_is_no_address_is_a_usage_error() -> None:
    result = CliRunner().invoke(mailferry, ["autoconfig", "corp.example"])
    assert result.exit_code == 2
    assert '"corp.example" is no valid address: no @ in it' in result.stderr
