from __future__ import annotations

import tomllib
from typing import Any

import pytest

from shared.config import shown
from shared.config.show import without_password
from tests.fakes.configuration import ConfigurationFile, account, target

SECRETS = (
    '[broker]\nurl = "amqp://user:canary-1@host/v"\n[store]\nurl = "postgresql://u:canary-2@h/d?password=canary-3"\n'
    + account('source = "pop3s://user:canary-4@h"', without=("source", "password"))
    + target('username = "u"', 'password = "canary-5"').replace("exchange", "second")
)


def origins(text: str) -> dict[str, str]:
    """The comment behind each key."""
    rows = [line.partition(" = ") for line in text.splitlines()]
    return {key: rest.rpartition("  # ")[2] for key, _, rest in rows if rest}


def test_no_secret_is_shown(file: ConfigurationFile) -> None:
    text = shown(file.load(SECRETS))
    assert "canary" not in text
    assert text.count('password = "********"') == 2


def test_what_is_shown_is_toml_with_every_value_in_force(file: ConfigurationFile) -> None:
    data: dict[str, Any] = tomllib.loads(shown(file.load(account('poll = "90s"'))))
    assert data["accounts"][0]["poll"] == "90s"
    data = tomllib.loads(shown(file.load(account('poll = "60s..15m"'))))
    assert data["accounts"][0]["poll"] == "1m..15m"
    assert data["accounts"][0]["domains"] == {"acme.com": "keep"}
    assert data["fetcher"]["window_bytes"] == "32MiB"
    assert data["relay"]["helo_name"] == "ferry.corp.example"
    assert data["targets"][0]["tls"] == "wanted"


def test_what_is_shown_can_be_read_again_once_the_secrets_are_put_back(file: ConfigurationFile) -> None:
    before = file.load(account('retention = "7d"', "tls_verify = false", 'begin = "2026-11-01"'))
    after = file.load(shown(before).replace("********", "geheim"))
    assert after == before


def test_a_single_mailbox_is_shown_with_its_recipient(file: ConfigurationFile) -> None:
    text = account('mailbox = "single"', 'recipient = "bob@corp.example"', without=("mailbox", "domains"))
    data: dict[str, Any] = tomllib.loads(shown(file.load(text)))
    assert data["accounts"][0]["recipient"] == "bob@corp.example"
    assert "domains" not in data["accounts"][0]


def test_each_value_has_its_origin(file: ConfigurationFile) -> None:
    text = '[defaults]\npoll = "5m"\n' + account('password_env = "POP"', without=("password",))
    found = origins(shown(file.load(text, {"POP": "x", "MAILFERRY_LOG__LEVEL": "debug"})))
    assert found["poll"] == f"{file.path}:2"
    assert found["username"] == f"{file.path}:11"
    assert found["password"] == f"{file.path}:15"
    assert found["retention"] == "default"
    assert found["level"] == "environment variable MAILFERRY_LOG__LEVEL"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("memory:", "memory:"),
        ("amqp://host/v", "amqp://host/v"),
        ("amqp://u:p@host:1/v", "amqp://u:********@host:1/v"),
        ("amqp://u:p@ss@host/v", "amqp://u:********@host/v"),
        ("postgresql://h/d?password=p", "postgresql://h/d?********"),
        ("postgresql:///d?password=p", "postgresql:///d"),
        ("sqlite:////var/lib/a.db", "sqlite:////var/lib/a.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, expected: str) -> None:
    assert without_password(url) == expected


def test_a_token_is_shown_no_more_than_a_password(file: ConfigurationFile) -> None:
    text = shown(file.load(account('token = "canary"', without=("password",))))
    assert "canary" not in text
    assert 'token = "********"' in text
    assert "password" not in text


def test_methods_detection_and_pin_can_be_read_again(file: ConfigurationFile) -> None:
    keys = ('auth = ["apop", "user"]', 'detect = ["banner"]', f'tls_pin = "sha256:{"ab" * 32}"')
    before = file.load(account(*keys))
    assert file.load(shown(before).replace("********", "geheim")) == before


@pytest.mark.parametrize(
    "keys",
    [('source = "imaps://u@imap.isp.example"',), ('provider = "gmail"', 'source = "imap"', 'username = "u"')],
)
def test_an_imap_account_is_shown_without_what_is_for_pop3(
    file: ConfigurationFile, keys: tuple[str, ...]
) -> None:
    for_others = '[defaults]\nuse_top = true\ncustody = "spool"\nauth = ["apop", "user"]\n'
    before = file.load(for_others + account(*keys, without=("source",)))
    text = shown(before)
    (row,) = tomllib.loads(text)["accounts"]
    assert not {"use_top", "detect", "pipelining"} & row.keys()
    assert row["custody"] == "source"
    assert file.load(text.replace("********", "geheim")).accounts == before.accounts
