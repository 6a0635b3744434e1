"""Imported rows as TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import SecretStr

from shared.config import from_mapping
from shared.importing.fetchmail.accounts import read_fetchmailrc
from shared.importing.result import Choices, Finding, ImportedRow
from shared.importing.toml import as_toml

FILE = b"""
set daemon 300
poll isp.example proto pop3 localdomains a.example envelope X-To
  user 'joe "x"' pass "top secret" to bob=ben * here ssl smtphost mx.example
poll imap.example proto imap user ann pass hidden is ann@a.example ssl folder "L i"
"""


def test_it_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    rows = read_fetchmailrc(FILE, Choices(begin="now")).rows
    read = tomllib.loads(as_toml(rows))
    assert [each["name"] for each in read["targets"]] == ["mx.example", "localhost"]
    for account, row in zip(read["accounts"], rows, strict=True):
        password = Path(account.pop("password_file"))
        assert account == {key: value for key, value in row.account.items() if key != "password"}
        (tmp_path / password.name).write_text("filled in", "utf-8")
        account["password_file"] = str(tmp_path / password.name)
    configuration = from_mapping(read, {}, tmp_path, host_name=lambda: "ferry.example.com")
    assert list(configuration.accounts) == [each.account_id for each in rows]


def test_no_secret_is_written() -> None:
    target = {"name": "t", "url": "smtp://x", "password": SecretStr("secret three")}
    row = ImportedRow(
        1, {"name": "a", "password": SecretStr("secret one"), "srs_key": SecretStr("secret two")}, target
    )
    text = as_toml([row])
    assert "secret " not in text
    assert 'password_file = "/etc/mailferry/secrets/default-a"' in text
    assert 'srs_key_file = "/etc/mailferry/secrets/default-a.srs_key"' in text
    assert 'password_file = "/etc/mailferry/secrets/target-t"' in text


def test_findings_are_comments_on_one_line() -> None:
    findings = (Finding(3, "a\nb", "it is so"), Finding(4, "c", "it cannot be", blocks=True))
    text = as_toml([ImportedRow(1, {"name": "a"}, None, findings)])
    assert text.startswith("# line 3: a\\nb: it is so\n# Not usable: line 4: c: it cannot be\n[[accounts]]\n")
