"""A secret that others may read is reported, with who may read it and what to do."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from shared.config import exposed_secrets
from tests.fakes.configuration import TARGET, WHOLE, ConfigurationFile, account

ADVICE = "give it to the user who runs Mailferry and set its mode to 0600"
LABEL = 'accounts "acme/catchall"'
STRANGERS = 45678


def warnings_of(file: ConfigurationFile, text: str, environ: dict[str, str] | None = None) -> list[str]:
    found = file.load(text, environ).warnings
    return [each.replace(str(file.path.parent) + "/", "") for each in found]


def written(file: ConfigurationFile, name: str, content: str, mode: int) -> Path:
    path = file.path.parent / name
    path.write_text(content)
    path.chmod(mode)
    return path


def exposed(file: ConfigurationFile, mode: int = 0o644) -> None:
    file.path.touch()
    file.path.chmod(mode)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o700])
def test_a_file_that_its_owner_and_root_alone_may_read_is_not_reported(
    file: ConfigurationFile, mode: int
) -> None:
    exposed(file, mode)
    written(file, "password", "geheim", mode)
    os.chown(file.path, -1, 0)
    assert warnings_of(file, account('password_file = "password"', without=("password",))) == []
    assert warnings_of(file, WHOLE) == []


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (('password_file = "secret"',), "password_file"),
        (('token_file = "secret"', 'auth = ["xoauth2"]'), "token_file"),
        (('password = "x"', 'sender = "srs"', 'srs_domain = "s.acme.com"', 'srs_key_file = "secret"'),
         "srs_key_file"),
    ],
)  # fmt: skip
def test_each_file_with_a_secret_that_everybody_may_read_is_reported(
    file: ConfigurationFile, keys: tuple[str, ...], name: str
) -> None:
    written(file, "secret", "k" * 40, 0o644)
    (sentence,) = warnings_of(file, account(*keys, without=("password",)))
    assert f'{LABEL}: "{name}": every user of this machine (mode 0644) may read secret; {ADVICE}' in sentence


def test_the_files_of_broker_and_store_are_looked_at(file: ConfigurationFile) -> None:
    written(file, "broker", "amqp://u:p@h/v", 0o604)
    sentence = f'"url_file": every user of this machine (mode 0604) may read broker; {ADVICE}'
    assert f"mailferry.toml:2: [broker]: {sentence}" in warnings_of(file, '[broker]\nurl_file = "broker"\n')


def test_a_configuration_with_secrets_in_clear_is_reported_once(file: ConfigurationFile) -> None:
    exposed(file)
    second = account().removeprefix(TARGET).replace('"catchall"', '"other"').replace("user@", "other@")
    (sentence,) = warnings_of(file, WHOLE + second)
    readers = "every user of this machine (mode 0644) may read this secret in mailferry.toml"
    assert sentence == f'mailferry.toml:10: {LABEL}: "password": {readers}; {ADVICE}'


@pytest.mark.parametrize(
    "text",
    [
        account('source = "pop3s://u:p%40w@h"', without=("source", "password")),
        TARGET + '[store]\nurl = "postgresql://u:geheim@h/d"\n',
        TARGET + '[store]\nurl = "postgresql://h/d?user=u&password=geheim"\n',
    ],
)
def test_a_password_in_a_url_is_a_secret_in_clear(file: ConfigurationFile, text: str) -> None:
    exposed(file)
    assert any("may read this secret in mailferry.toml" in sentence for sentence in warnings_of(file, text))
    assert not any("geheim" in sentence for sentence in warnings_of(file, text))


def test_a_configuration_without_secrets_may_be_read_by_everybody(file: ConfigurationFile) -> None:
    exposed(file)
    written(file, "password", "geheim", 0o600)
    assert warnings_of(file, account('password_file = "password"', without=("password",))) == []
    assert warnings_of(file, account('password_env = "PW"', without=("password",)), {"PW": "geheim"}) == []


def test_a_secret_of_the_environment_does_not_stand_in_the_file(file: ConfigurationFile) -> None:
    exposed(file)
    environ = {"MAILFERRY_STORE__URL": "postgresql://u:p@h/d"}
    text = account('password_env = "PW"', without=("password",))
    assert warnings_of(file, text, {**environ, "PW": "geheim"}) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_group_of_strangers_that_may_read_it_is_reported(file: ConfigurationFile) -> None:
    os.chown(written(file, "password", "geheim", 0o640), -1, STRANGERS)
    (sentence,) = warnings_of(file, account('password_file = "password"', without=("password",)))
    assert f"the group {STRANGERS} (mode 0640) may read password; {ADVICE}" in sentence


@pytest.mark.parametrize(
    ("primary", "others", "is_reported"),
    [
        (["mailferry"], [], False),
        ([], ["mailferry", "root"], False),
        (["mailferry"], ["bob"], True),
        ([], [], True),
    ],
)
def test_a_group_of_the_service_alone_is_private(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, primary: list[str], others: list[str], is_reported: bool
) -> None:
    group = tmp_path.stat().st_gid or STRANGERS
    secret = tmp_path / "secret"
    secret.touch()
    secret.chmod(0o640)
    status = os.stat_result((0o100640, 0, 0, 1, 0, group, 0, 0, 0, 0))
    users = [SimpleNamespace(pw_name=name, pw_gid=group) for name in primary]
    monkeypatch.setattr(Path, "stat", lambda _path: status)
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    monkeypatch.setattr(grp, "getgrgid", lambda _gid: SimpleNamespace(gr_name="staff", gr_mem=others))
    assert (exposed_secrets._readers(secret) is not None) is is_reported


def test_of_very_many_files_the_first_are_reported(file: ConfigurationFile) -> None:
    accounts = []
    for number in range(exposed_secrets.MOST_FILES + 5):
        written(file, f"p{number}", "geheim", 0o644)
        text = account(f'password_file = "p{number}"', without=("password",)).removeprefix(TARGET)
        accounts.append(text.replace('"catchall"', f'"a{number}"').replace("user@", f"a{number}@"))
    sentences = warnings_of(file, TARGET + "".join(accounts))
    assert len(sentences) == exposed_secrets.MOST_FILES + 1
    assert "mailferry.toml: 5 more files with secrets may be read by others like these" in sentences


def test_what_is_no_file_is_passed_over(file: ConfigurationFile) -> None:
    assert exposed_secrets._readers(Path("/dev/null")) is None
    assert exposed_secrets._readers(file.path.parent / "missing") is None


def test_the_key_files_of_sealed_secrets_are_looked_at(file: ConfigurationFile) -> None:
    for name in ("now", "before", "ferry.db.key"):
        written(file, name, "k" * 44, 0o644)
    text = TARGET + '[secrets]\nkey_file = "now"\nold_key_files = ["before"]\n'
    readers = "every user of this machine (mode 0644) may read"
    sentences = warnings_of(file, text)
    assert f'mailferry.toml:6: [secrets]: "key_file": {readers} now; {ADVICE}' in sentences
    assert f'mailferry.toml:7: [secrets]: "old_key_files": {readers} before; {ADVICE}' in sentences
    beside = warnings_of(file, TARGET + '[store]\nurl = "sqlite:ferry.db"\n')
    assert any(f'"key_file": {readers} ferry.db.key; {ADVICE}' in sentence for sentence in beside)
