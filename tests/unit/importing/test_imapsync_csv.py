"""Lists of accounts for imapsync."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from shared.importing.checking import checked
from shared.importing.imapsync_csv import read_imapsync_csv
from shared.importing.result import Choices, ImportedRow

LINE = "imap.isp.example;joe@isp.example;p;mx.corp.example;joe@corp.example;q"


def rows_of(text: str, **choices: Any) -> list[ImportedRow]:
    said: dict[str, Any] = {"target": "here", "begin": "all", **choices}
    return checked(read_imapsync_csv(text.encode(), Choices(**said)).rows, Path("/"))


def row_of(text: str, **choices: Any) -> ImportedRow:
    [row] = rows_of(text, **choices)
    return row


def blocking(row: ImportedRow) -> list[str]:
    return [each.option for each in row.findings if each.blocks]


def test_a_line_becomes_an_account() -> None:
    row = row_of(LINE)
    assert dict(row.account) == {
        "name": "joe-isp.example",
        "source": "imaps://imap.isp.example",
        "username": "joe@isp.example",
        "password": SecretStr("p"),
        "mailbox": "single",
        "recipient": "joe@corp.example",
        "target": "here",
        "retention": "keep",
        "begin": "all",
    }
    assert blocking(row) == []


def test_comments_blank_lines_and_a_header_are_left_out() -> None:
    text = f"# accounts\n\nhost1;user1;password1;host2;user2;password2\n{LINE}\r\n"
    assert row_of(text).line == 4


def test_there_are_no_quotation_marks() -> None:
    row = row_of(LINE.replace(";p;", ';"p";'))
    assert row.account["password"] == SecretStr('"p"')


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ("--port1 143", {"source": "imap://imap.isp.example:143"}),
        ("--port1=1993 --ssl1", {"source": "imaps://imap.isp.example:1993"}),
        ("--tls1", {"source": "imap://imap.isp.example"}),
        ("--nossl1 --notls1", {"source": "imap://imap.isp.example", "tls": "off"}),
        ("--nossl1", {"tls": "wanted"}),
        ("--delete1", {"retention": "delete"}),
        ("--folder Sent", {"folders": ["Sent"]}),
    ],
)
def test_options_at_the_end_have_counterparts(options: str, keys: dict[str, object]) -> None:
    row = row_of(f"{LINE};{options};")
    assert {key: row.account.get(key) for key in keys} == keys
    assert blocking(row) == []


def test_other_options_are_named() -> None:
    row = row_of(f"{LINE};--automap --exclude '^Junk'")
    assert {"--automap", "--exclude"} <= {each.option for each in row.findings}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("imap.isp.example", ["line", "password1", "user2", "user1"]),
        (LINE.replace("imap.isp.example", ""), ["host1"]),
        (LINE.replace(";p;", ";;"), ["password1"]),
        (LINE.replace("joe@corp.example", ""), ["user2"]),
        (LINE.replace("joe@corp.example", "joe"), ["user2"]),
        (f"{LINE};--port1 x", ["--port1"]),
    ],
)
def test_what_is_missing_blocks_and_is_named(text: str, options: list[str]) -> None:
    assert blocking(row_of(text)) == options


def test_without_target_and_beginning_the_row_blocks() -> None:
    [row] = read_imapsync_csv(LINE.encode(), Choices()).rows
    assert blocking(row) == ["host2", "no --delete1"]
