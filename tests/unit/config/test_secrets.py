from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.configuration import ConfigurationFile, account

PASSWORD_MISSING = 'the password is missing; give "password", "password_file" or "password_env"'
TWICE = "give the same secret twice; keep one of them"
LABEL = 'accounts "acme/catchall"'


def from_file(file: ConfigurationFile, content: bytes) -> str:
    (file.path.parent / "password").write_bytes(content)
    return account('password_file = "password"', without=("password",))


def password(file: ConfigurationFile, text: str, environ: dict[str, str] | None = None) -> str:
    return file.load(text, environ).accounts["acme/catchall"].login.password.get_secret_value()


def test_a_password_may_stand_in_the_file_itself(file: ConfigurationFile) -> None:
    assert password(file, account()) == "geheim"


@pytest.mark.parametrize("content", [b"gehe im", b"gehe im\n", b"gehe im\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_password_may_stand_in_a_file_of_its_own(
    file: ConfigurationFile, mark: bytes, content: bytes
) -> None:
    assert password(file, from_file(file, mark + content)) == "gehe im"


def test_a_password_file_written_by_powershell_holds_the_password(file: ConfigurationFile) -> None:
    assert password(file, from_file(file, "gehe im\r\n".encode("utf-16"))) == "gehe im"


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_a_file_with_a_byte_order_mark_alone_is_empty(file: ConfigurationFile, content: bytes) -> None:
    (problem,) = file.problems(from_file(file, content))
    assert problem.endswith("is empty")


def test_a_key_file_from_windows_holds_the_key(file: ConfigurationFile) -> None:
    (file.path.parent / "srs.key").write_bytes(b"\xef\xbb\xbf" + b"k" * 40 + b"\r\n")
    text = account('sender = "srs"', 'srs_domain = "srs.acme.com"', 'srs_key_file = "srs.key"')
    sender = file.load(text).accounts["acme/catchall"].routing.sender
    assert sender.srs is not None
    assert [key.get_secret_value() for key in sender.srs.keys] == ["k" * 40]


def test_a_password_may_come_from_a_variable(file: ConfigurationFile) -> None:
    text = account('password_env = "POP_PASSWORD"', without=("password",))
    assert password(file, text, {"POP_PASSWORD": "geheim 2"}) == "geheim 2"


def test_a_password_may_stand_in_the_url(file: ConfigurationFile) -> None:
    assert password(file, account('source = "pop3s://u:p%40w@h"', without=("source", "password"))) == "p@w"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "contains NUL or a line end within the secret"),
        (b"one\0", "contains NUL or a line end within the secret"),
        (b"\xff", "is not UTF-8 text"),
        (b"x" * 70_000, "has more than 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_password_is_reported(
    file: ConfigurationFile, content: bytes, reason: str
) -> None:
    path = file.path.parent / "password"
    (problem,) = file.problems(from_file(file, content))
    assert problem == f'mailferry.toml:13: {LABEL}: "password_file": {path} {reason}'


def test_a_password_file_that_cannot_be_read_is_reported(file: ConfigurationFile) -> None:
    path = file.path.parent / "password"
    assert file.problems(account('password_file = "password"', without=("password",))) == [
        f'mailferry.toml:13: {LABEL}: "password_file": {path} cannot be read: No such file or directory'
    ]


def test_a_variable_that_is_not_set_is_reported(file: ConfigurationFile) -> None:
    assert file.problems(account('password_env = "POP_PASSWORD"', without=("password",))) == [
        f'mailferry.toml:13: {LABEL}: "password_env": the environment variable POP_PASSWORD is not set'
    ]


def test_a_missing_password_is_reported(file: ConfigurationFile) -> None:
    assert file.problems(account(without=("password",))) == [f"mailferry.toml:6: {LABEL}: {PASSWORD_MISSING}"]


def test_two_ways_of_giving_one_password_are_reported(file: ConfigurationFile) -> None:
    assert file.problems(account('password_env = "POP_PASSWORD"', 'password_file = "password"')) == [
        f'mailferry.toml:10: {LABEL}: "password" and "password_file" and "password_env" {TWICE}'
    ]


def test_a_password_in_the_url_and_another_one_are_reported(file: ConfigurationFile) -> None:
    assert file.problems(account('source = "pop3s://u:p@h"', without=("source",))) == [
        f"mailferry.toml:9: {LABEL}: the URL has a password, too; keep one of them"
    ]


def test_an_accounts_own_way_takes_the_place_of_the_defaults_way(file: ConfigurationFile) -> None:
    assert password(file, '[defaults]\npassword_file = "missing"\n' + account()) == "geheim"


def test_the_defaults_may_give_the_password(file: ConfigurationFile) -> None:
    assert password(file, '[defaults]\npassword = "shared"\n' + account(without=("password",))) == "shared"


def test_a_broker_url_with_a_password_may_come_from_a_file(file: ConfigurationFile, tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("amqp://u:p@h/v\n")
    broker = file.load('[broker]\nurl_file = "broker"').broker
    assert broker.url.get_secret_value() == "amqp://u:p@h/v"


def test_two_ways_of_giving_the_store_are_reported(file: ConfigurationFile) -> None:
    assert file.problems('[store]\nurl = "sqlite:a.db"\nurl_env = "STORE"') == [
        f'mailferry.toml:2: [store]: "url" and "url_env" {TWICE}'
    ]
