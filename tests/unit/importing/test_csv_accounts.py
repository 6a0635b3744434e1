"""Accounts of comma-separated text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from shared.importing.checking import checked
from shared.importing.csv_accounts import read_csv
from shared.importing.result import Choices, Import, ImportedRow, UnreadableImport

HEADER = "name;source;username;password;recipient;target"
VALUES = "a;pop3s://isp.example;joe;p;a@b.example;here"


def read(text: str, **choices: Any) -> Import:
    found = read_csv(text.encode(), Choices(**choices))
    return Import(checked(found.rows, Path("/")), found.findings)


def row_of(text: str, **choices: Any) -> ImportedRow:
    [row] = read(text, **choices).rows
    return row


def blocking(row: ImportedRow) -> list[tuple[int, str]]:
    return [(each.line, each.option) for each in row.findings if each.blocks]


def test_our_keys_are_columns() -> None:
    row = row_of(f"{HEADER}\n{VALUES}")
    assert row.findings == ()
    assert dict(row.account) == {
        "name": "a",
        "source": "pop3s://isp.example",
        "username": "joe",
        "password": SecretStr("p"),
        "recipient": "a@b.example",
        "target": "here",
        "mailbox": "single",
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_delimiter_and_line_end_are_found_out(delimiter: str, line_end: str) -> None:
    text = f"{HEADER}\n{VALUES}\n".replace(";", delimiter).replace("\n", line_end)
    assert row_of(text).account["target"] == "here"


def test_a_byte_order_mark_and_blank_lines_before_the_header_do_not_matter() -> None:
    row = row_of(f"\ufeff\n\n{HEADER}\n{VALUES}")
    assert (row.line, row.account["name"]) == (4, "a")


def test_a_line_that_names_the_delimiter_for_excel_is_obeyed() -> None:
    row = row_of(f"sep=|\n{HEADER}\n{VALUES}".replace(";", "|"))
    assert (row.line, row.account["target"]) == (3, "here")


def test_windows_1252_is_read_and_named() -> None:
    found = read_csv(f"{HEADER}\n{VALUES.replace(';p;', ';pä;')}".encode("cp1252"), Choices())
    assert found.rows[0].account["password"] == SecretStr("pä")
    assert [(each.line, each.option) for each in found.findings] == [(2, "encoding")]


@pytest.mark.parametrize(
    ("columns", "values", "source"),
    [
        ("host;protocol", "isp.example;pop3s", "pop3s://isp.example"),
        ("Server;Protokoll;SSL", "isp.example;POP3;ssl", "pop3s://isp.example"),
        ("host;port;protocol", "isp.example;993;imap", "imaps://isp.example:993"),
        ("host;port;type;encryption", "isp.example;1143;imap;starttls", "imap://isp.example:1143"),
        ("hostname;protocol", "isp.example;pop", "pop3://isp.example"),
    ],
)
def test_the_source_may_be_given_in_parts(columns: str, values: str, source: str) -> None:
    row = row_of(f"{columns};email;pass;to;target\n{values};joe;p;a@b.example;here")
    assert (row.account["source"], blocking(row)) == (source, [])


@pytest.mark.parametrize(
    ("columns", "values", "option"),
    [
        ("protocol", "pop3", "source"),
        ("host;protocol", "isp.example;gopher", "protocol"),
        ("host;protocol;ssl", "isp.example;imap;perhaps", "ssl"),
        ("host;protocol;port", "isp.example;imap;many", "port"),
    ],
)
def test_parts_that_do_not_tell_are_not_guessed(columns: str, values: str, option: str) -> None:
    assert blocking(row_of(f"{columns};user;pass;to;target\n{values};joe;p;a@b.example;here")) == [
        (2, option)
    ]


def test_no_protection_is_said_only_where_the_table_says_it() -> None:
    text = "host;protocol;ssl;user;pass;to;target\nisp.example;pop3;{};joe;p;a@b.example;here"
    assert row_of(text.format("none")).account["tls"] == "off"
    assert "tls" not in row_of(text.format("")).account


def test_values_have_the_types_that_their_keys_take() -> None:
    row = row_of(
        f"{HEADER};enabled;max_messages;auth;retention;poll\n{VALUES};no;20;user apop;7d;5m",
    )
    assert blocking(row) == []
    assert {key: row.account[key] for key in ("enabled", "max_messages", "auth", "retention", "poll")} == {
        "enabled": False,
        "max_messages": 20,
        "auth": ["user", "apop"],
        "retention": "7d",
        "poll": "5m",
    }


@pytest.mark.parametrize(
    "written",
    [
        "a.example b.example=c.example",
        '{ "a.example" = "keep", "b.example" = "c.example" }',
        '{"a.example": "keep", "b.example": "c.example"}',
    ],
)
def test_domains_make_a_catch_all_mailbox(written: str) -> None:
    quoted = written.replace('"', '""')
    row = row_of(f'name;source;username;password;target;domains\na;pop3s://isp.example;j;p;here;"{quoted}"')
    assert row.account["mailbox"] == "catch-all"
    assert row.account["domains"] == {"a.example": "keep", "b.example": "c.example"}
    assert blocking(row) == []


@pytest.mark.parametrize("written", ["{ a", "[1", '{"a": }'])
def test_a_table_that_is_none_is_named(written: str) -> None:
    quoted = written.replace('"', '""')
    row = row_of(f'name;source;username;password;target;domains\na;pop3s://i.example;j;p;here;"{quoted}"')
    assert (2, "domains") in blocking(row)


def test_a_refused_value_is_named_with_its_line_and_column() -> None:
    text = f"{HEADER};poll\n{VALUES};5m\n{VALUES.replace('a;', 'b;', 1)};soon"
    _, second = read(text).rows
    assert blocking(second) == [(3, "poll")]


def test_an_unknown_column_is_named_and_left_out() -> None:
    found = read(f"{HEADER};Colour\n{VALUES};red")
    assert [(each.line, each.option) for each in found.findings] == [(1, "Colour")]
    assert found.rows[0].findings == ()


def test_too_many_values_block() -> None:
    assert blocking(row_of(f"{HEADER}\n{VALUES};more")) == [(2, "line")]


def test_an_account_that_signs_in_by_oauth_needs_no_password() -> None:
    header = "name;source;username;auth;oauth_app;recipient;target"
    row = row_of(f"{header}\na;imaps://isp.example;joe;oauth;google;a@b.example;here")
    assert blocking(row) == []
    assert (row.account["auth"], row.account["oauth_app"]) == ("oauth", "google")


def test_a_password_keeps_its_blanks_and_delimiters() -> None:
    row = row_of(f"{HEADER}\n" + VALUES.replace(";p;", ';" a;""b";'))
    assert row.account["password"] == SecretStr(' a;"b')


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the file is empty"),
        ("\n \n", "line 1: the file is empty"),
        ("sep=;", "line 2: the line that names the columns is missing"),
        ("x;y\n1;2", "line 1: the first line names the columns"),
        ("user;login\n1;2", 'line 1: two columns are the "username"'),
        ('name;user\n"a;b', "line 2: the quotation marks"),
        ("name;user\na\0;b", "line 2: there is a NUL"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(UnreadableImport, match=problem):
        read(text)


def test_what_the_operator_says_goes_before_the_table() -> None:
    row = row_of(f"{HEADER};tenant\n{VALUES};acme", tenant="other", target="exchange")
    assert (row.account["tenant"], row.account["target"]) == ("other", "exchange")
    assert [each.option for each in row.findings] == ["target", "tenant"]


def test_a_recipient_without_a_domain_gets_that_of_the_operator() -> None:
    row = row_of(f"{HEADER}\n{VALUES.replace('a@b.example', 'a')}", domain="b.example")
    assert row.account["recipient"] == "a@b.example"
