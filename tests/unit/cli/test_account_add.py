"""What `mailferry account add` does without a terminal. The rest is in tests/integration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main as mailferry
from services.cli.account_add import login_lines
from services.cli.account_questions import refuse_to_ask
from shared.operations.account_draft import Draft
from shared.operations.account_wizard import Question, Topic
from shared.operations.login_test import STEPS, LoginTest
from tests.fakes.configuration import TARGET

TEST = LoginTest("account", "default/trial", "imap.isp.example:993", ok=True, sentence="Logged in.")
SOURCE = ("--address", "bob@corp.example", "--source", "imaps://bob@localhost:1")


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "mailferry.toml"
    path.write_text('relay.helo_name = "ferry.corp.example"\n' + TARGET)
    return path


def add(configuration: Path, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(
        mailferry, ["account", "add", "-c", str(configuration), *arguments], input=typed
    )


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ((), "Mail address of the mailbox: give --address."),
        (("--address", "bob@gmx.de"), "give --source, or --yes to take the default."),
        (SOURCE, "Password of bob: give --password-file or --password-stdin."),
        (("--address", "bob@outlook.com", "--yes"), "give --source."),
    ],
)
def test_without_a_terminal_a_missing_answer_is_a_usage_error_that_names_the_option(
    configuration: Path, arguments: tuple[str, ...], missing: str
) -> None:
    result = add(configuration, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert missing in result.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--address", "bob"), "--address"),
        (("--source", "http://x"), "--source"),
        (("--target", "nowhere"), "--target"),
        (("--retention", "a while"), "--retention"),
        (("--recipient", "bob"), "--recipient"),
        (("--domain", "a b/"), "--domain"),
        (("--mailbox", "single", "--domain", "corp.example"), "--domain"),
        (("--name", "a b"), "--name"),
        (("--tenant", "a b"), "--tenant"),
        (("--user", "a\nb"), "--user"),
        (("--password-file", "/nonexistent"), "--password-file"),
        (("--password-stdin",), "--password-file"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    configuration: Path, arguments: tuple[str, ...], problem: str
) -> None:
    result = add(configuration, *arguments)
    assert result.exit_code == 2
    assert f"Invalid value for {problem}" in result.stderr


def test_the_password_is_given_once(configuration: Path) -> None:
    result = add(configuration, "--password-stdin", "--password-file", "/nonexistent")
    assert "give the password twice" in result.stderr


def test_a_server_that_cannot_be_reached_ends_a_script_with_the_code_for_trying_again(
    configuration: Path,
) -> None:
    result = add(configuration, *SOURCE, "--password-stdin", "--yes", typed="geheim\n")
    assert (result.exit_code, result.stdout) == (75, "")
    assert "✗ connect" in result.stderr
    assert "Check host and port" in result.stderr
    assert "geheim" not in result.stderr


def test_a_default_that_cannot_be_taken_is_a_usage_error(configuration: Path) -> None:
    """The login would come first, and the name after it."""
    draft = Draft(taken=frozenset({"default/bob"}), tenant="default")
    with pytest.raises(click.UsageError, match=r'another account called "bob"\. Give --name\.'):
        refuse_to_ask(take_defaults=True)(draft, Question(Topic.NAME, "Name", "bob"))


def test_without_a_target_there_is_nothing_to_add_an_account_to(tmp_path: Path) -> None:
    path = tmp_path / "mailferry.toml"
    path.write_text('relay.helo_name = "ferry.corp.example"\n')
    result = add(path)
    assert result.exit_code == 2
    assert "has no target" in result.stderr


def test_a_login_that_worked_ticks_every_step() -> None:
    assert [*login_lines(TEST)] == [*(f"  ✓ {step}" for step in STEPS), "  Logged in."]


def test_a_login_that_failed_ends_with_the_step_the_sentence_and_what_to_do() -> None:
    failed = replace(TEST, ok=False, step="TLS", sentence="It failed.", advice="Check it.")
    assert [*login_lines(failed)] == ["  ✓ name", "  ✓ connect", "  ✗ TLS", "  It failed.", "  Check it."]
    unknown = replace(failed, step="session")
    assert [*login_lines(unknown)] == ["  It failed.", "  Check it."]
