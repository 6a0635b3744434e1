"""Accounts of a run control file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.importing.fetchmail.accounts import read_fetchmailrc
from shared.importing.fetchmail.grammar import GLOBAL, SERVER, USER, Form
from shared.importing.result import Choices, ImportedRow, UnreadableImport
from tests.fakes.imports import read_or_refused

OURS = Choices(domain="corp.example", begin="all")


def row_of(text: str, choices: Choices = OURS) -> ImportedRow:
    [row] = read_fetchmailrc(text.encode(), choices).rows
    return row


def user(options: str, server: str = "proto pop3", choices: Choices = OURS) -> ImportedRow:
    return row_of(f"poll pop.isp.example {server}\nuser joe pass secret is joe here {options}", choices)


def sentences(row: ImportedRow, option: str) -> list[str]:
    return [each.sentence for each in row.findings if each.option == option]


def blocking(row: ImportedRow) -> list[str]:
    return [each.option for each in row.findings if each.blocks]


def test_a_simple_account_has_all_its_keys() -> None:
    row = user("ssl")
    assert dict(row.account) == {
        "name": "joe-pop.isp.example",
        "source": "pop3s://pop.isp.example",
        "username": "joe",
        "password": SecretStr("secret"),
        "retention": "delete",
        "mailbox": "single",
        "recipient": "joe@corp.example",
        "target": "localhost",
    }
    assert row.target == {"name": "localhost", "url": "smtp://localhost"}
    assert row.findings == ()
    assert row.line == 2


def test_each_key_knows_the_line_and_the_option_that_it_comes_from() -> None:
    row = row_of("poll a\nvia pop.isp.example\nproto pop3 user joe\npass p\nis x@y.example\nlimit 500")
    assert row.origins["source"] == (2, "via")
    assert row.origins["password"] == (4, "password")
    assert row.origins["recipient"] == (5, "is")
    assert row.origins["max_size"] == (6, "limit")


def test_options_of_defaults_hold_where_an_entry_has_none() -> None:
    one, two = read_fetchmailrc(
        b"defaults proto imap timeout 9 user x ssl limit 7\n"
        b"poll a.example user b pass c is d\n"
        b"poll b.example proto pop3 user e pass f is g limit 8 no ssl",
        OURS,
    ).rows
    assert (one.account["source"], one.account["timeout"], one.account["max_size"]) == (
        "imaps://a.example",
        9,
        7,
    )
    assert (two.account["source"], two.account["timeout"], two.account["max_size"]) == (
        "pop3://b.example",
        9,
        8,
    )


def test_a_skipped_server_is_disabled() -> None:
    row = row_of("skip a.example proto pop3 user b pass c is d")
    assert row.account["enabled"] is False


def test_the_poll_interval_is_that_of_the_daemon_times_that_of_the_server() -> None:
    assert row_of("set daemon 300 poll a.example proto pop3 user b pass c is d").account["poll"] == "5m"
    row = row_of("set daemon 300 poll a.example proto pop3 interval 4 user b pass c is d")
    assert row.account["poll"] == "20m"


def test_an_interval_without_a_daemon_is_named() -> None:
    assert sentences(user("", "proto pop3 interval 4"), "interval")


def test_limits_timeout_and_idle_have_counterparts() -> None:
    row = user("limit 1000 fetchlimit 20 idle ssl folder a b", "proto imap timeout 60")
    assert {key: row.account[key] for key in ("max_size", "max_messages", "timeout", "watch", "folders")} == {
        "max_size": 1000,
        "max_messages": 20,
        "timeout": 60,
        "watch": "idle",
        "folders": ["a", "b"],
    }


def test_a_limit_of_zero_is_none() -> None:
    assert "max_size" not in user("limit 0").account


def test_folders_and_idle_have_no_effect_with_pop3() -> None:
    row = user("folder a idle")
    assert sentences(row, "folder") == sentences(row, "idle") == ["it has no effect with POP3"]


def test_a_folder_whose_sign_means_something_else_is_not_guessed() -> None:
    assert blocking(user('ssl folder "a*"', "proto imap")) == ["folder"]


def test_kept_mail_asks_for_a_state_or_for_the_beginning() -> None:
    assert blocking(user("keep ssl", choices=Choices(domain="corp.example"))) == ["keep"]
    row = user("keep ssl", choices=Choices(domain="corp.example", begin="2026-11-01"))
    assert (row.account["retention"], row.account["begin"], blocking(row)) == ("keep", "2026-11-01", [])
    assert blocking(user("keep ssl", choices=Choices(domain="corp.example", has_state=True))) == []


def test_imap_without_fetchall_says_that_read_mail_comes_too() -> None:
    assert sentences(user("ssl", "proto imap"), "no fetchall")
    assert not sentences(user("ssl fetchall", "proto imap"), "no fetchall")


def test_unknown_options_block_and_are_named_with_their_line() -> None:
    row = row_of("poll a.example proto pop3 user b pass c is d here\nmoveto Archive")
    assert [(each.line, each.option, each.blocks) for each in row.findings if each.option == "moveto"] == [
        (2, "moveto", True)
    ]


def test_unknown_global_words_are_named() -> None:
    findings = read_fetchmailrc(b"set colour red", OURS).findings
    assert [(each.line, each.option, each.blocks) for each in findings] == [(1, "colour", True)]


@pytest.mark.parametrize("name", ["preconnect", "postconnect", "mda", "bsmtp"])
def test_commands_have_no_counterpart_and_are_named(name: str) -> None:
    assert sentences(user(f'{name} "/bin/x"'), name)


VALUES = {
    Form.FLAG: "",
    Form.STRING: '"x.example"',
    Form.STRINGS: "x.example",
    Form.NUMBER: "5",
    Form.NUMBERS: "5",
    Form.WORD: "x",
    Form.ENVELOPE: "X-Field",
}
OF_ITSELF = {"port", "service", "proto", "via"}
"""Options that change the URL of the source only."""
OUR_WAY = {"uidl", "ssl", "sslcertck", "esmtpname", "esmtppassword", "fetchall"}
"""Options that say what Mailferry does in any case, or that work together with another one."""


@pytest.mark.parametrize("name", sorted({*SERVER, *USER} - OF_ITSELF - OUR_WAY - {"password", "passwordfd"}))
def test_every_option_has_a_counterpart_or_a_finding(name: str) -> None:
    form = SERVER.get(name) or USER[name]
    server = f"{name} {VALUES[form]}" if name in SERVER else ""
    options = "" if name in SERVER else f"{name} {VALUES[form]}"
    text = "poll pop.isp.example proto imap localdomains l.example {}\nuser joe {} is a b *\n{}"
    with_option = row_of(text.format(server, "pass p" if name != "passwordfile" else "", options))
    without = row_of(text.format("", "pass p" if name != "passwordfile" else "", ""))
    said = {each.option for each in with_option.findings} - {each.option for each in without.findings}
    assert with_option.account != without.account or with_option.target != without.target or said


@pytest.mark.parametrize("name", sorted(set(GLOBAL) - {"daemon", "postmaster", "softbounce"}))
def test_every_global_option_has_a_finding(name: str) -> None:
    text = f"set {name} {VALUES[GLOBAL[name]]}"
    assert [each.option for each in read_fetchmailrc(text.encode(), OURS).findings] == [f"set {name}"]


def test_options_that_are_switched_off_as_with_us_say_nothing() -> None:
    off = "no rewrite no stripcr no forcecr no pass8bits no dropstatus no mimedecode no flush no idle"
    assert user(f"ssl {off}", "proto pop3 no dns uidl").findings == ()


def test_names_are_unique_and_the_same_at_each_import() -> None:
    text = b"poll a.example proto pop3 user b pass c is d user b pass c is e user B pass c is f"
    first, again = (read_fetchmailrc(text, OURS).rows for _ in range(2))
    assert [each.account["name"] for each in first] == ["b-a.example", "b-a.example-2", "B-a.example-3"]
    assert first == again


def test_text_that_is_not_utf8_is_read_as_windows_1252_and_named() -> None:
    found = read_fetchmailrc("poll a.example proto pop3 user b pass ü is d".encode("cp1252"), OURS)
    assert found.rows[0].account["password"] == SecretStr("ü")
    assert [each.option for each in found.findings] == ["encoding"]


WORDS = [
    *SERVER,
    *USER,
    *GLOBAL,
    "poll",
    "set",
    "user",
    "is",
    "to",
    "here",
    "there",
    "*",
    "=",
    "5",
    "x@y.z",
    "no",
    '""',
]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_any_order_of_options_gives_rows_or_a_line(words: str) -> None:
    found = read_or_refused(lambda: read_fetchmailrc(f"poll h {words}".encode(), Choices()))
    if isinstance(found, UnreadableImport):
        assert found.line == 1
    else:
        assert all(each.line == 1 for row in found.rows for each in row.findings)
