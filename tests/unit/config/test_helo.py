"""The name that is said in HELO: which ones are, and what happens on a machine that has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.config import load
from shared.config.helo import LOOPBACK
from shared.model.errors import ConfigurationError
from tests.fakes.configuration import TARGET, ConfigurationFile

NAMELESS = [
    "localhost",
    "LOCALHOST",
    "localhost.localdomain",
    "ferry.localdomain",
    "ferry.localhost",
    "ferry",
    "0a1b2c3d4e5f",
    "192.0.2.1",
    "my_ferry.corp.example",
]


def target(url: str) -> str:
    return f'[[targets]]\nname = "here"\nurl = "{url}"\n'


def helo_name(directory: Path, text: str, host: str) -> str:
    path = directory / "mailferry.toml"
    path.write_text(text)
    return load(path, {}, lambda: host).relay.helo_name


@pytest.mark.parametrize("host", NAMELESS)
def test_a_machine_without_a_full_name_has_to_be_given_one(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        helo_name(tmp_path, TARGET, host)
    (problem,) = caught.value.problems
    assert problem.partition("mailferry.toml: ")[2].startswith('[relay]: "helo_name": it is missing')
    assert "set helo_name in [relay]" in problem
    assert f'"{host}"' in problem
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("name", [*NAMELESS, "[localhost]", "[]", "[192.0.2.1", "[IPv6:192.0.2.1]"])
def test_a_name_that_must_not_be_said_cannot_be_configured(file: ConfigurationFile, name: str) -> None:
    (problem,) = file.problems(f'[relay]\nhelo_name = "{name}"')
    assert problem.startswith('mailferry.toml:2: [relay]: "helo_name": "')


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("mx.example", "mx.example"),
        ("MX-1.corp.example", "mx-1.corp.example"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[ipv6:2001:DB8::1]", "[IPv6:2001:db8::1]"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_full_name_and_an_address_literal_are_said(
    file: ConfigurationFile, written: str, said: str
) -> None:
    assert file.load(f'[relay]\nhelo_name = "{written}"').relay.helo_name == said


def test_the_full_name_of_the_machine_is_said_where_none_is_configured(tmp_path: Path) -> None:
    assert helo_name(tmp_path, TARGET, "Ferry.corp.example") == "ferry.corp.example"


@pytest.mark.parametrize(
    "url",
    [
        "smtp://127.0.0.1:2525",
        "smtp://localhost",
        "lmtp://[::1]:24",
        "lmtp+unix:///run/dovecot/lmtp",
    ],
)
def test_targets_on_this_machine_are_reported_the_loopback_address(url: str, tmp_path: Path) -> None:
    assert helo_name(tmp_path, target(url), "localhost") == LOOPBACK


def test_one_target_elsewhere_makes_a_name_necessary(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="helo_name"):
        helo_name(tmp_path, target("smtp://127.0.0.1") + TARGET, "localhost")


@pytest.mark.parametrize("url", ["mx://localhost", "smtp://localhost.corp.example"])
def test_what_only_sounds_like_this_machine_is_elsewhere(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="helo_name"):
        helo_name(tmp_path, target(url), "localhost")
