"""Which mails other programs have delivered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.importing.result import ImportedRow, KnownMail
from shared.importing.state import read_fetchids, read_oldmail

POP = ImportedRow(1, {"name": "a", "source": "pop3s://pop.isp.example", "username": "Joe@isp.example"})
PLAIN = ImportedRow(2, {"name": "b", "source": "pop3://pop.isp.example:1110", "username": "ann"})
IMAP = ImportedRow(
    3,
    {"name": "c", "source": "imaps://imap.isp.example", "username": "joe", "folders": ["INBOX", "Lists/x"]},
)
ROWS = [POP, PLAIN, IMAP]


def test_the_ids_of_fetchmail_belong_to_login_and_host() -> None:
    content = b"joe@isp.example@pop.isp.example UID-1\nann@POP.isp.example +a@b!\n"
    found = read_fetchids(content, ROWS)
    assert found.findings == []
    assert found.mails == [
        KnownMail("default/a", "INBOX", None, "UID-1"),
        KnownMail("default/b", "INBOX", None, "+a@b!"),
    ]


def test_blanks_around_login_and_id_do_not_matter() -> None:
    found = read_fetchids(b"  ann@pop.isp.example   x y\r\n\n", ROWS)
    assert [each.uid for each in found.mails] == ["x"]


def test_logins_that_are_not_imported_are_named_once_with_their_number_of_mails() -> None:
    found = read_fetchids(b"zoe@pop.isp.example a\nzoe@pop.isp.example b\n", ROWS)
    assert found.mails == []
    [finding] = found.findings
    assert (finding.line, finding.option) == (1, "zoe@pop.isp.example")
    assert "2 mails" in finding.sentence


@pytest.mark.parametrize(
    "line", [b"ann@pop.isp.example", b"nothing here", b"@host x", "ann@pop.isp.example ü".encode()]
)
def test_lines_that_are_not_understood_are_named(line: bytes) -> None:
    found = read_fetchids(b"ann@pop.isp.example x\n" + line, ROWS)
    assert [(each.line, each.option) for each in found.findings] == [(2, "line")]
    assert len(found.mails) == 1


def test_an_imap_account_has_no_ids_of_fetchmail() -> None:
    found = read_fetchids(b"joe@imap.isp.example 1\njoe@imap.isp.example 2\n", ROWS)
    assert found.mails == []
    assert [each.option for each in found.findings] == ["default/c"]


def test_two_accounts_of_one_login_both_know_its_mails() -> None:
    other = ImportedRow(9, {**PLAIN.account, "name": "b-2"})
    found = read_fetchids(b"ann@pop.isp.example x\n", [PLAIN, other])
    assert [each.account for each in found.mails] == ["default/b", "default/b-2"]


def test_an_oldmail_file_of_pop3_is_found_by_its_name() -> None:
    content = b"abc\x001764547200\nd e\x001764547201\n"
    found = read_oldmail(content, "oldmail-pop.isp.example-995-Joe@isp.example", ROWS)
    assert found.findings == []
    assert found.mails == [
        KnownMail("default/a", "INBOX", None, "abc"),
        KnownMail("default/a", "INBOX", None, "d e"),
    ]


@pytest.mark.parametrize(("suffix", "folder"), [("INBOX", "INBOX"), ("Lists.x", "Lists/x")])
def test_an_oldmail_file_of_imap_names_its_folder(suffix: str, folder: str) -> None:
    content = b"1234567890/17\x001\n99/Lists/18\x002\n"
    found = read_oldmail(content, f"oldmail-imap.isp.example-993-joe-{suffix}", ROWS)
    assert found.findings == []
    assert found.mails == [
        KnownMail("default/c", folder, 1234567890, "0000000017"),
        KnownMail("default/c", folder, 99, "0000000018"),
    ]


def test_an_oldmail_file_of_no_account_is_named() -> None:
    found = read_oldmail(b"abc\x001\n", "oldmail-elsewhere-995-joe", ROWS)
    assert found.mails == ()
    assert [each.option for each in found.findings] == ["oldmail-elsewhere-995-joe"]


def test_with_one_account_the_file_may_have_any_name() -> None:
    assert len(read_oldmail(b"abc\x001\n", "state", [POP]).mails) == 1
    assert read_oldmail(b"1/2\x001\n", "state", [IMAP]).mails == ()


@pytest.mark.parametrize("line", [b"abc", b"\x001", b"x/y\x001", b"17\x001", b"1/99999999999\x001"])
def test_lines_of_an_oldmail_file_that_are_not_understood_are_named(line: bytes) -> None:
    found = read_oldmail(b"1/2\x001\n" + line, "oldmail-imap.isp.example-993-joe-INBOX", ROWS)
    assert [(each.line, each.option) for each in found.findings] == [(2, "line")]
    assert len(found.mails) == 1


@given(st.binary())
def test_any_octets_are_read(content: bytes) -> None:
    for found in (
        read_fetchids(content, ROWS),
        read_oldmail(content, "oldmail-imap.isp.example-993-joe-INBOX", ROWS),
        read_oldmail(content, "oldmail-pop.isp.example-1110-ann", ROWS),
    ):
        assert all(each.uid.isprintable() and each.uid for each in found.mails)
        assert len(found.mails) + len(found.findings) <= content.count(b"\n") + 1
