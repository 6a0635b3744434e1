from __future__ import annotations

import json

from click.testing import CliRunner

from services.cli.__main__ import main as mailferry


def test_all_providers_are_listed_with_their_servers() -> None:
    result = CliRunner().invoke(mailferry, ["providers", "-o", "json"])
    listed = {each["name"]: each for each in json.loads(result.stdout)}
    assert listed["gmx"]["pop3"] == "pop.gmx.net"
    assert (listed["gmail"]["pop3"], listed["gmail"]["imap"]) == ("pop.gmail.com", "imap.gmail.com")
    assert (listed["icloud"]["pop3"], listed["icloud"]["imap"]) == (None, "imap.mail.me.com")
    assert listed["ovh"]["interval"] == "1m"


def test_one_provider_is_found_by_another_name_it_has() -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(mailferry, ["providers", "1und1"])
    assert result.exit_code == 0
    assert "pop.ionos.de" in result.stdout
    assert "gmail" not in result.stdout


def test_both_servers_are_shown_on_a_narrow_terminal_and_what_is_to_be_known_by_protocol() -> None:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(mailferry, ["providers", "mail.ru"])
    assert "pop.mail.ru" in result.stdout
    assert "imap.mail.ru" in result.stdout
    note = json.loads(CliRunner().invoke(mailferry, ["providers", "gmail", "-o", "json"]).stdout)[0]["note"]
    assert note.index("app password") < note.index("POP3: ") < note.index("IMAP: ")


def test_an_unknown_provider_is_a_usage_error() -> None:
    result = CliRunner().invoke(mailferry, ["providers", "nobody"])
    assert result.exit_code == 2
    assert 'There is no provider "nobody"' in result.stderr
