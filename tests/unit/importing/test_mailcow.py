"""Sync jobs of mailcow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from shared.importing.checking import checked
from shared.importing.mailcow import read_mailcow
from shared.importing.result import Choices, Import, ImportedRow, UnreadableImport

JOB = {
    "id": 17,
    "user2": "joe@corp.example",
    "host1": "imap.isp.example",
    "authmech1": "PLAIN",
    "regextrans2": "",
    "authmd51": 0,
    "domain2": "",
    "subfolder2": "",
    "user1": "joe@isp.example",
    "password1": "p",
    "exclude": "(?i)spam",
    "maxage": 0,
    "mins_interval": "20",
    "maxbytespersecond": "0",
    "port1": 993,
    "enc1": "SSL",
    "delete2duplicates": 0,
    "delete1": 1,
    "delete2": 0,
    "automap": 0,
    "skipcrossduplicates": 0,
    "is_running": 0,
    "last_run": None,
    "created": "2026-01-01 10:00:00",
    "modified": None,
    "active": 1,
    "custom_params": "",
    "timeout1": 600,
    "timeout2": 600,
    "subscribeall": 0,
    "success": None,
    "exit_status": None,
    "dry": 0,
    "log": "",
}


def read(jobs: object, **choices: Any) -> Import:
    found = read_mailcow(json.dumps(jobs, indent=1).encode(), Choices(target="mailcow", **choices))
    return Import(checked(found.rows, Path("/")), found.findings)


def row_of(*without: str, begin: str = "all", **changes: Any) -> ImportedRow:
    job = {key: value for key, value in {**JOB, **changes}.items() if key not in without}
    [row] = read([job], begin=begin).rows
    return row


def blocking(row: ImportedRow) -> list[str]:
    return [each.option for each in row.findings if each.blocks]


def test_a_job_becomes_an_account() -> None:
    row = row_of()
    assert dict(row.account) == {
        "name": "joe-isp.example",
        "source": "imaps://imap.isp.example:993",
        "username": "joe@isp.example",
        "password": SecretStr("p"),
        "mailbox": "single",
        "recipient": "joe@corp.example",
        "poll": "20m",
        "timeout": "10m",
        "retention": "delete",
        "target": "mailcow",
    }
    assert blocking(row) == []
    assert [each.option for each in row.findings] == ["folders", "timeout2"]


@pytest.mark.parametrize(
    ("encryption", "scheme", "tls"),
    [("SSL", "imaps", None), ("TLS", "imap", "required"), ("PLAIN", "imap", "off"), ("", "imap", "required")],
)
def test_encryption_is_that_of_the_job(encryption: str, scheme: str, tls: str | None) -> None:
    account = row_of(enc1=encryption).account
    assert (str(account["source"]).partition(":")[0], account.get("tls")) == (scheme, tls)


def test_a_job_without_a_password_blocks_and_says_where_it_is() -> None:
    assert blocking(row_of("password1")) == ["password1"]
    assert [each.option for each in read([{"host1": "a.example", "user1": "b"}]).findings] == ["password1"]


def test_kept_mail_asks_from_when_on_it_is_delivered() -> None:
    [row] = read([{**JOB, "delete1": 0}]).rows
    assert blocking(row) == ["delete1"]
    assert row_of(delete1=0, begin="now").account["begin"] == "now"


def test_a_job_that_is_not_active_is_disabled() -> None:
    assert row_of(active=0).account["enabled"] is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxage", 30),
        ("subfolder2", "External"),
        ("custom_params", "--dry --nofoldersizes"),
        ("delete2", 1),
        ("automap", "1"),
        ("maxbytespersecond", "50000"),
        ("regextrans2", "s/a/b/"),
        ("something_new", "x"),
    ],
)
def test_fields_without_counterpart_are_named(name: str, value: object) -> None:
    [row] = read([{**JOB, name: value}]).rows
    assert [each.option for each in row.findings if each.option == name] == [name]


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"host1": ""}, "host1"),
        ({"enc1": "ROT13"}, "enc1"),
        ({"port1": "many"}, "port1"),
        ({"user2": None}, "user2"),
        ({"authmech1": "XOAUTH2"}, "authmech1"),
    ],
)
def test_what_cannot_work_blocks(changes: dict[str, Any], option: str) -> None:
    assert option in blocking(row_of(**changes))


def test_without_a_target_the_job_blocks() -> None:
    [row] = read_mailcow(json.dumps(JOB).encode(), Choices(begin="all")).rows
    assert blocking(row) == ["target"]


def test_each_job_is_found_on_its_line() -> None:
    one, two = read([JOB, {**JOB, "user1": "ann@isp.example"}], begin="all").rows
    text = json.dumps([JOB, JOB], indent=1).split("\n")
    assert '"host1"' in text[one.line - 1]
    assert '"host1"' in text[two.line - 1]
    assert one.line < two.line


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1: this is no JSON"),
        (b'[\n{"a": }]', "line 2: this is no JSON"),
        (b"[1]", "line 1: expected a list of sync jobs"),
        (b'{"type": "error", "msg": "authentication failed"}', "line 1: expected a list of sync jobs"),
        (b"[" * 100_000, "line 1: this is no JSON"),
    ],
)
def test_what_is_no_list_of_jobs_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(UnreadableImport, match=problem):
        read_mailcow(content, Choices())
