"""Imported rows pass through the models of the configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from shared.importing.checking import checked
from shared.importing.result import Finding, ImportedRow, Origin

GOOD = {
    "name": "a",
    "source": "pop3s://isp.example",
    "username": "joe",
    "password": SecretStr("hidden value"),
    "mailbox": "single",
    "recipient": "a@b.example",
    "target": "here",
}
BASE = Path("/")


def row(line: int = 7, **keys: object) -> ImportedRow:
    account = {key: value for key, value in {**GOOD, **keys}.items() if value is not None}
    return ImportedRow(line, account, origins={key: Origin(line + 1, f"their {key}") for key in keys})


def test_a_valid_row_stays_as_it_is() -> None:
    assert checked([row()], BASE) == [row()]


def test_a_refused_value_is_named_with_the_line_and_the_name_in_the_foreign_file() -> None:
    [found] = checked([row(recipient="nobody")], BASE)
    [finding] = found.findings
    assert (finding.line, finding.option, finding.blocks) == (8, "their recipient", True)
    assert finding.sentence.startswith('"recipient": "nobody" is no valid address')


def test_a_missing_key_is_named_with_the_line_of_the_row() -> None:
    [found] = checked([row(username=None)], BASE)
    assert [(each.line, each.option) for each in found.findings] == [(8, "their username")]
    [found] = checked([ImportedRow(3, {key: GOOD[key] for key in GOOD if key != "username"})], BASE)
    assert [(each.line, each.option) for each in found.findings] == [(3, "username")]


def test_each_row_has_its_own_findings() -> None:
    rows = [row(), row(10, name="b", poll="never"), row(20, name="c"), row(30, name="d", tls="x")]
    assert [[each.line for each in found.findings] for found in checked(rows, BASE)] == [[], [11], [], [31]]


def test_two_rows_of_one_name_are_found() -> None:
    _, second = checked([row(), row(10)], BASE)
    assert "another account of this name" in second.findings[0].sentence


def test_a_password_is_in_no_finding() -> None:
    [found] = checked([row(password=SecretStr("hidden\nvalue"))], BASE)
    assert found.findings
    assert "hidden" not in " ".join(map(str, found.findings))


def test_a_row_without_a_password_is_checked_further() -> None:
    problem = Finding(7, "password", "there is none", blocks=True)
    given = ImportedRow(
        7, {**{k: v for k, v in GOOD.items() if k != "password"}, "poll": "x"}, None, (problem,)
    )
    [found] = checked([given], BASE)
    assert [each.option for each in found.findings] == ["password", "poll"]


def test_what_is_missing_because_an_option_was_refused_is_not_said_again() -> None:
    problem = Finding(7, "proto", "unknown", blocks=True)
    given = ImportedRow(7, {k: v for k, v in GOOD.items() if k != "source"}, None, (problem,))
    assert checked([given], BASE) == [given]


def test_the_target_of_a_row_is_checked_too() -> None:
    target = {"name": "here", "url": "gopher://x"}
    [found] = checked([ImportedRow(7, GOOD, target)], BASE)
    assert [each.option for each in found.findings] == ["target"]
    assert "gopher" in found.findings[0].sentence


def test_a_target_that_exists_is_taken_as_it_is() -> None:
    [found] = checked([row()], BASE, [{"name": "here", "url": "smtp://mx.example"}])
    assert found.findings == ()


def test_a_secret_in_the_environment_is_looked_for_there_and_settings_are_not() -> None:
    given = [row(password=None, password_env="JOES")]
    environ = {"JOES": "x", "MAILFERRY_STORE__URL": "gopher://x"}
    assert [each.option for each in checked(given, BASE)[0].findings] == ["their password_env"]
    assert checked(given, BASE, (), environ)[0].findings == ()
