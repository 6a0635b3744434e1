"""Configuration files of getmail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.importing.checking import checked
from shared.importing.getmail.account import read_getmailrc
from shared.importing.getmail.left_out import OPTIONS_KNOWN, OPTIONS_LEFT_OUT, RETRIEVER_LEFT_OUT
from shared.importing.result import Choices, ImportedRow, UnreadableImport
from tests.fakes.imports import read_or_refused

OURS: dict[str, Any] = {"recipient": "joe@corp.example", "target": "here", "begin": "all"}
RETRIEVER = "[retriever]\ntype = {}\nserver = isp.example\nusername = joe\npassword = p%20;x\n"
DESTINATION = "[destination]\ntype = Maildir\npath = ~/Maildir/\n"


def row_of(
    kind: str = "SimplePOP3SSLRetriever", retriever: str = "", options: str = "delete = true", **choices: Any
) -> ImportedRow:
    text = f"{RETRIEVER.format(kind)}{retriever}\n{DESTINATION}[options]\n{options}\n"
    found = read_getmailrc(text.encode(), Choices(**{**OURS, **choices}))
    [row] = checked(found.rows, Path("/"))
    return row


def blocking(row: ImportedRow) -> list[str]:
    return [each.option for each in row.findings if each.blocks]


def named(row: ImportedRow) -> set[str]:
    return {each.option for each in row.findings}


def test_a_simple_account_has_all_its_keys() -> None:
    row = row_of()
    assert dict(row.account) == {
        "name": "joe-isp.example",
        "source": "pop3s://isp.example",
        "username": "joe",
        "password": SecretStr("p%20;x"),
        "mailbox": "single",
        "recipient": "joe@corp.example",
        "retention": "delete",
        "target": "here",
    }
    assert blocking(row) == []


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("SimplePOP3Retriever", "pop3://isp.example"),
        ("SimplePOP3SSLRetriever", "pop3s://isp.example"),
        ("BrokenUIDLPOP3Retriever", "pop3://isp.example"),
        ("BrokenUIDLPOP3SSLRetriever", "pop3s://isp.example"),
        ("SimpleIMAPRetriever", "imap://isp.example"),
        ("SimpleIMAPSSLRetriever", "imaps://isp.example"),
    ],
)
def test_the_type_of_a_retriever_names_protocol_and_protection(kind: str, source: str) -> None:
    row = row_of(kind)
    assert (row.account["source"], blocking(row)) == (source, [])
    assert row.account.get("tls") == ("off" if "SSL" not in kind else None)


@pytest.mark.parametrize(
    "kind", ["MultidropPOP3Retriever", "MultidropPOP3SSLRetriever", "MultidropIMAPSSLRetriever"]
)
def test_a_multidrop_mailbox_is_a_catch_all_of_the_named_domain(kind: str) -> None:
    row = row_of(kind, "envelope_recipient = delivered-to : 1", domain="corp.example")
    assert blocking(row) == []
    assert {key: row.account[key] for key in ("mailbox", "domains", "recipient_headers")} == {
        "mailbox": "catch-all",
        "domains": {"corp.example": "keep"},
        "recipient_headers": ["delivered-to:1"],
    }


@pytest.mark.parametrize(
    ("kind", "retriever", "option"),
    [
        ("MultidropPOP3Retriever", "envelope_recipient = delivered-to:1", "type"),
        ("MultidropSDPSRetriever", "", "type"),
        ("MyRetriever", "", "type"),
        ("SimpleIMAPSSLRetriever", "use_xoauth2 = true", "use_xoauth2"),
        ("SimpleIMAPSSLRetriever", "use_kerberos = true", "use_kerberos"),
        ("SimpleIMAPSSLRetriever", 'mailboxes = ("a*",)', "mailboxes"),
        ("SimplePOP3SSLRetriever", "certfile = /x", "certfile"),
    ],
)
def test_what_cannot_work_blocks(kind: str, retriever: str, option: str) -> None:
    assert option in blocking(row_of(kind, retriever))


def test_a_password_from_a_program_blocks() -> None:
    text = RETRIEVER.format("SimplePOP3SSLRetriever").replace(
        "password = p%20;x", 'password_command = ("pass", "x")'
    )
    [row] = read_getmailrc(f"{text}{DESTINATION}".encode(), Choices(**OURS)).rows
    assert blocking(row) == ["password_command"]


@pytest.mark.parametrize(
    ("options", "retention"),
    [
        ("delete = true", "delete"),
        ("delete = true\ndelete_after = 7", "delete"),
        ("delete_after = 7", "7d"),
        ("delete = no", "keep"),
        ("", "keep"),
    ],
)
def test_retention_is_that_of_delete_and_delete_after(options: str, retention: str) -> None:
    assert row_of(options=options).account["retention"] == retention


def test_kept_mail_asks_for_a_state_or_for_the_beginning() -> None:
    text = RETRIEVER.format("SimplePOP3SSLRetriever") + DESTINATION
    choices: dict[str, Any] = {key: value for key, value in OURS.items() if key != "begin"}
    [row] = read_getmailrc(text.encode(), Choices(**choices)).rows
    assert blocking(row) == ["delete"]


def test_limits_and_timeouts_have_counterparts() -> None:
    row = row_of(
        retriever="port = 1995\ntimeout = 90\nuse_apop = true",
        options="delete = 1\nmax_message_size = 1000\nmax_messages_per_session = 5\n"
        "max_bytes_per_session = 9000",
    )
    keys = ("source", "timeout", "auth", "max_size", "max_messages", "max_bytes")
    assert [row.account[key] for key in keys] == ["pop3s://isp.example:1995", 90, ["apop"], 1000, 5, 9000]
    assert blocking(row) == []


def test_folders_moving_and_marks_are_for_imap() -> None:
    retriever = 'mailboxes = ("INBOX",\n  "Lists/getmail")\nmove_on_delete = Done\nuse_peek = false'
    row = row_of("SimpleIMAPSSLRetriever", retriever)
    assert [row.account[key] for key in ("folders", "removal", "mark_seen")] == [
        ["INBOX", "Lists/getmail"],
        "move:Done",
        True,
    ]
    assert blocking(row) == []
    assert row_of("SimpleIMAPSSLRetriever", "mailboxes = ALL").account["folders"] == ["*"]


def test_certificates_are_checked_by_file_or_by_fingerprint() -> None:
    pin = "AB" * 32
    assert row_of(retriever=f'ssl_fingerprints = ("{pin}",)').account["tls_pin"] == f"sha256:{pin.lower()}"
    [row] = read_getmailrc(
        (RETRIEVER.format("SimplePOP3SSLRetriever") + "ca_certs = /etc/ca.pem\n").encode(), Choices(**OURS)
    ).rows
    assert row.account["ca_file"] == "/etc/ca.pem"


def test_lmtp_is_a_target() -> None:
    text = (
        RETRIEVER.format("SimplePOP3SSLRetriever")
        + "[destination]\ntype = MDA_lmtp\n{}\n[options]\ndelete = 1\n"
    )
    [row] = read_getmailrc(
        text.format("host = mx.example\nport = 24").encode(), Choices(recipient="a@b.example")
    ).rows
    assert row.target == {"name": "mx.example-24", "url": "lmtp://mx.example:24"}
    [row] = read_getmailrc(text.format("host = /run/lmtp\noverride = a@b.example").encode(), Choices()).rows
    assert row.target == {"name": "run-lmtp", "url": "lmtp+unix:///run/lmtp"}
    assert row.account["recipient"] == "a@b.example"


@pytest.mark.parametrize(
    "kind",
    [
        "Maildir",
        "Mboxrd",
        "MDA_external",
        "MDA_qmaillocal",
        "MultiDestination",
        "MultiSorter",
        "MultiGuesser",
    ],
)
def test_files_and_programs_need_a_target_and_a_recipient(kind: str) -> None:
    text = (
        f"{RETRIEVER.format('SimplePOP3SSLRetriever')}[destination]\ntype = {kind}\n[options]\ndelete = 1\n"
    )
    [row] = read_getmailrc(text.encode(), Choices()).rows
    assert blocking(row) == ["destination", "destination"]
    [row] = read_getmailrc(text.encode(), Choices(**OURS)).rows
    assert blocking(row) == []
    assert "destination" in named(row)


@pytest.mark.parametrize("name", sorted(RETRIEVER_LEFT_OUT))
def test_options_of_a_retriever_without_counterpart_are_named(name: str) -> None:
    assert name in named(row_of("SimpleIMAPSSLRetriever", f"{name} = 1"))


@pytest.mark.parametrize("name", sorted({*OPTIONS_LEFT_OUT, *OPTIONS_KNOWN, "wonder"} - {"read_all"}))
def test_every_option_has_a_counterpart_or_a_finding(name: str) -> None:
    row, without = (
        row_of("SimpleIMAPSSLRetriever", options=f"{name} = 1"),
        row_of("SimpleIMAPSSLRetriever", options=""),
    )
    assert row.account != without.account or name in named(row)


def test_unknown_options_are_named_with_their_line() -> None:
    [finding] = [each for each in row_of(retriever="colour = red").findings if each.option == "colour"]
    assert finding.line == 6


def test_filters_and_further_destinations_are_named() -> None:
    more = "[filter-1]\ntype = Filter_external\n[joe]\ntype = Maildir\n"
    text = RETRIEVER.format("SimplePOP3SSLRetriever") + DESTINATION + more
    findings = read_getmailrc(text.encode(), Choices(**OURS)).findings
    assert [(each.line, each.option) for each in findings] == [(9, "[filter-1]"), (11, "[joe]")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: there is no section"),
        ("[retriever]\ntype = SimplePOP3Retriever\nport = many", 'line 3: "port" must be a number'),
        ("[retriever]\nuse_apop = perhaps", 'line 2: "use_apop" must be true or false'),
        ("[retriever]\ntype = SimpleIMAPRetriever\nmailboxes = (1", 'line 3: "mailboxes" must be texts'),
        ("[retriever]\n[retriever]", "line 2: there is a second"),
    ],
)
def test_what_getmail_refuses_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(UnreadableImport, match=problem):
        read_getmailrc(text.encode(), Choices())


NAMES = [
    *RETRIEVER_LEFT_OUT,
    *OPTIONS_LEFT_OUT,
    *OPTIONS_KNOWN,
    "type",
    "server",
    "port",
    "mailboxes",
    "ssl_fingerprints",
]
VALUES = [
    "1",
    "true",
    "x",
    "(",
    "('a', 'b')",
    "('a*',)",
    "SimpleIMAPSSLRetriever",
    "MultidropPOP3Retriever",
    "9" * 40,
    "",
]
LINES = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)).map(" = ".join)


@given(st.lists(LINES | st.sampled_from(["[options]", "[destination]", "[retriever]", "  more"])))
def test_any_options_give_a_row_or_a_line(lines: list[str]) -> None:
    content = "\n".join(["[retriever]", *lines]).encode()
    found = read_or_refused(lambda: read_getmailrc(content, Choices()))
    if isinstance(found, UnreadableImport):
        assert 1 <= found.line <= len(lines) + 1
    else:
        assert len(found.rows) == 1
