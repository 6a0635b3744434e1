"""Recipients of an account of fetchmail."""

from __future__ import annotations

from typing import Any

import pytest

from shared.importing.checking import checked
from shared.importing.fetchmail.accounts import read_fetchmailrc
from shared.importing.result import Choices, ImportedRow
from tests.fakes.command import REPOSITORY

BOTH = {"a.example": "keep", "*.a.example": "keep"}


def row_of(user: str, server: str = "", before: str = "", **choices: Any) -> ImportedRow:
    text = f"{before} poll isp.example proto pop3 {server} user joe pass p {user} ssl"
    [row] = checked(read_fetchmailrc(text.encode(), Choices(target="here", **choices)).rows, REPOSITORY)
    return row


def blocking(row: ImportedRow) -> list[str]:
    return [each.option for each in row.findings if each.blocks]


@pytest.mark.parametrize(
    ("user", "recipient"),
    [
        ("is joe@b.example here", "joe@b.example"),
        ("is joe here", "joe@corp.example"),
        ("is joe here smtpaddress b.example", "joe@b.example"),
        ("is joe here smtpname x@b.example", "x@b.example"),
    ],
)
def test_one_local_name_is_the_recipient(user: str, recipient: str) -> None:
    row = row_of(user, domain="corp.example")
    assert (row.account["mailbox"], row.account["recipient"], blocking(row)) == ("single", recipient, [])


def test_a_local_name_without_a_domain_asks_for_it() -> None:
    assert blocking(row_of("is joe here")) == ["is"]


def test_a_mailbox_without_a_local_name_asks_for_the_recipient() -> None:
    assert blocking(row_of("")) == ["is"]
    assert row_of("", recipient="x@b.example").account["recipient"] == "x@b.example"


def test_options_of_multidrop_are_named_where_they_have_no_effect() -> None:
    row = row_of("is joe@b.example", 'envelope "X-To" qvirtual q- aka a.example localdomains b.example')
    assert [each.option for each in row.findings] == ["envelope", "qvirtual", "localdomains", "aka"]


@pytest.mark.parametrize("names", ["a b", "a *", "*", "a=b"])
def test_several_names_a_wildcard_or_a_mapping_make_a_catch_all_mailbox(names: str) -> None:
    row = row_of(f"to {names} here", "localdomains a.example")
    assert (row.account["mailbox"], row.account["domains"], blocking(row)) == ("catch-all", BOTH, [])


def test_domains_are_those_of_localdomains_and_aka_and_aka_is_translated() -> None:
    row = row_of("to * here smtpaddress new.example", "localdomains a.example aka b.example")
    assert row.account["domains"] == {"b.example": "new.example", "*.b.example": "new.example", **BOTH}
    assert blocking(row) == []


def test_a_domain_in_both_is_kept() -> None:
    row = row_of("to * here smtpaddress new.example", "localdomains a.example aka a.example")
    assert row.account["domains"] == BOTH


def test_a_catch_all_mailbox_without_domains_blocks() -> None:
    assert blocking(row_of("to * here")) == ["is"]


@pytest.mark.parametrize(
    ("envelope", "fields"),
    [
        ("X-Original-To", ["X-Original-To"]),
        ('1 "Delivered-To:"', ["Delivered-To:2"]),
        ("0 Delivered-To", ["Delivered-To"]),
        ("Received", ["Received:for"]),
    ],
)
def test_the_envelope_field_is_trusted_first(envelope: str, fields: list[str]) -> None:
    row = row_of("to * here", f"localdomains a.example envelope {envelope}")
    assert (row.account["recipient_headers"], blocking(row)) == (fields, [])


def test_no_envelope_is_named() -> None:
    row = row_of("to * here", "localdomains a.example no envelope")
    assert "recipient_headers" not in row.account
    assert [each.option for each in row.findings] == ["no envelope"]


def test_a_prefix_of_qmail_is_taken_over() -> None:
    assert row_of("to * here", "localdomains a.example qvirtual mbox-").account["recipient_prefix"] == "mbox-"


def test_mappings_become_aliases_in_each_domain() -> None:
    row = row_of("to bob=ben * here", "localdomains a.example aka b.example")
    assert row.account["aliases"] == {"bob@a.example": "ben@a.example", "bob@b.example": "ben@b.example"}
    assert blocking(row) == []


def test_addresses_in_mappings_stand_for_themselves_and_their_domain_is_accepted() -> None:
    row = row_of("to info@a.example=sales@c.example * here", "localdomains a.example")
    assert row.account["aliases"] == {"info@a.example": "sales@c.example"}
    assert row.account["domains"] == {**BOTH, "c.example": "keep"}
    assert [each.option for each in row.findings] == ["is"]


def test_without_a_wildcard_it_is_said_that_more_names_get_mail() -> None:
    [finding] = row_of("to a b here", "localdomains a.example").findings
    assert "every name" in finding.sentence


def test_the_postmaster_gets_mail_for_unknown_recipients() -> None:
    row = row_of("to * here", "localdomains a.example", "set postmaster root@a.example")
    assert row.account["unknown_recipients"] == "root@a.example"
    row = row_of("to * here", "localdomains a.example", "set postmaster root", domain="a.example")
    assert row.account["unknown_recipients"] == "root@a.example"
    row = row_of("to * here", "localdomains a.example", "set postmaster root")
    assert [each.option for each in row.findings] == ["set postmaster"]
