"""The target of an account of fetchmail."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from shared.importing.fetchmail.accounts import read_fetchmailrc
from shared.importing.result import Choices, ImportedRow


def row_of(user: str, server: str = "", **choices: Any) -> ImportedRow:
    text = f"poll isp.example proto pop3 {server} user joe pass p is a@b.example here ssl {user}"
    [row] = read_fetchmailrc(text.encode(), Choices(**choices)).rows
    return row


@pytest.mark.parametrize(
    ("user", "target"),
    [
        ("", {"name": "localhost", "url": "smtp://localhost"}),
        ("smtphost mx.example", {"name": "mx.example", "url": "smtp://mx.example"}),
        ("smtphost mx.example/2525", {"name": "mx.example-2525", "url": "smtp://mx.example:2525"}),
        ("lmtp smtphost mx.example/24", {"name": "mx.example-24", "url": "lmtp://mx.example:24"}),
        ("lmtp smtphost /run/lmtp", {"name": "run-lmtp", "url": "lmtp+unix:///run/lmtp"}),
    ],
)
def test_the_target_is_the_first_host(user: str, target: dict[str, str]) -> None:
    row = row_of(user)
    assert (row.target, row.account["target"]) == (target, target["name"])


def test_further_hosts_are_named() -> None:
    [finding] = row_of("smtphost a.example b.example").findings
    assert finding.option == "smtphost"


def test_a_host_that_is_not_understood_blocks() -> None:
    assert [each.option for each in row_of("smtphost mx/x").findings if each.blocks] == ["smtphost"]


def test_the_named_target_goes_before_what_the_file_says() -> None:
    row = row_of("smtphost a.example", target="exchange")
    assert (row.target, row.account["target"]) == (None, "exchange")
    assert [each.option for each in row.findings] == ["smtphost"]


@pytest.mark.parametrize("option", ["mda", "bsmtp"])
def test_a_program_or_file_needs_a_target(option: str) -> None:
    row = row_of(f"{option} /bin/x")
    assert [each.option for each in row.findings if each.blocks] == [option]
    assert not [each for each in row_of(f"{option} /bin/x", target="exchange").findings if each.blocks]


def test_a_login_at_the_target_needs_name_and_password() -> None:
    row = row_of("", "esmtpname me esmtppassword q")
    assert row.target is not None
    assert (row.target["username"], row.target["password"]) == ("me", SecretStr("q"))
    assert [each.option for each in row_of("", "esmtpname me").findings] == ["esmtpname"]
