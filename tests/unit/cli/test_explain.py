from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main
from tests.fakes.configuration import ACCOUNT, account, imap_account
from tests.fakes.mails import corpus_mails

MAIL = (
    b"Return-Path: <sender@elsewhere.example>\r\nMessage-ID: <1@elsewhere.example>\r\n"
    b"To: bob@acme.com, eve@acme.net, boss@other.example\r\n\r\nText\r\n"
)
DOMAINS = 'domains = { "acme.com" = "keep", "acme.net" = "acme.com" }'


def explained(tmp_path: Path, raw: bytes, *options: str) -> Result:
    path = tmp_path / "mailferry.toml"
    path.write_text('[relay]\nhelo_name = "mx.example"\n' + account(DOMAINS, without=("domains",)))
    (tmp_path / "mail.eml").write_bytes(raw)
    arguments = ["explain", str(tmp_path / "mail.eml"), "--account", "catchall", "-c", str(path), *options]
    return CliRunner().invoke(main, arguments)


def test_each_recipient_is_told_with_the_reason_and_so_is_what_was_not_used(tmp_path: Path) -> None:
    result = explained(tmp_path, MAIL)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "Evidence    class 4: visible To (low confidence)" in lines
    assert "Delivered   bob@acme.com: named in To" in lines
    assert (
        "Delivered   eve@acme.com (found as eve@acme.net): named in To; acme.net is translated to acme.com"
        in lines
    )
    assert "Not used    boss@other.example: other.example is not an accepted domain" in lines


def test_a_mail_for_nobody_is_told_to_be_parked_with_the_reason(tmp_path: Path) -> None:
    result = explained(tmp_path, b"\r\nText\r\n")
    assert result.exit_code == 0
    assert "Parked      no field names a recipient" in result.stdout


def test_for_programs_there_is_one_object_of_a_fixed_form(tmp_path: Path) -> None:
    told = json.loads(explained(tmp_path, MAIL, "-o", "json").stdout)
    assert len(told.pop("identity")) == 40
    assert told == {
        "account": "acme/catchall",
        "message_id": "<1@elsewhere.example>",
        "sender": "sender@elsewhere.example",
        "evidence": {"class": 4, "field": "To", "value": "bob@acme.com, eve@acme.net, boss@other.example"},
        "recipients": [
            {"address": "bob@acme.com", "original": "bob@acme.com", "reason": "named in To"},
            {
                "address": "eve@acme.com",
                "original": "eve@acme.net",
                "reason": "named in To; acme.net is translated to acme.com",
            },
        ],
        "rejected": [{"value": "boss@other.example", "reason": "other.example is not an accepted domain"}],
        "confidence": "low",
        "list": False,
        "loop": None,
    }


def test_several_files_give_a_list_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "second.eml").write_bytes(b"List-Id: <x>\r\nX-Mailferry-ID: 1\r\n\r\n")
    first, second = json.loads(explained(tmp_path, MAIL, str(tmp_path / "second.eml"), "-o", "json").stdout)
    assert (first["list"], first["loop"]) == (False, None)
    assert second["list"] is True
    assert second["loop"].startswith("mail loop: Mailferry has carried it before")
    assert second["recipients"] == []


def test_people_are_told_whom_the_header_was_believed_and_what_was_passed_over(tmp_path: Path) -> None:
    raw = (
        b"X-Original-To: user@pop.isp.example\r\nReceived: from x.example by mx.isp.example\r\n"
        b"Received: from y by x.example\r\nDelivered-To: eve@acme.com\r\nTo: bob@acme.com\r\n\r\n"
    )
    lines = explained(tmp_path, raw).stdout.splitlines()
    assert "Trusted     1 of 2 Received lines, by mx.isp.example" in lines
    assert "Passed over user@pop.isp.example: X-Original-To names the collecting mailbox itself" in lines
    assert (
        "Passed over eve@acme.com: in Delivered-To, but it stands below what the provider's servers wrote"
        in lines
    )
    assert not any(line.startswith("Not used") for line in lines)


@pytest.mark.parametrize("form", ["json", "table"])
@pytest.mark.parametrize("path", corpus_mails())
def test_every_real_mail_is_explained_without_an_error(path: Path, form: str, tmp_path: Path) -> None:
    result = explained(tmp_path, path.read_bytes(), "-o", form)
    assert (result.exit_code, result.stderr) == (0, "")
    if form == "json":
        told = json.loads(result.stdout)
        assert told["recipients"] or told["rejected"] or told["evidence"]["class"] == 5
    else:
        assert "Evidence    class " in result.stdout


def test_an_account_that_asks_nobody_is_told_of_when_the_target_is_to_be_asked(tmp_path: Path) -> None:
    result = explained(tmp_path, MAIL, "--ask-target")
    assert result.exit_code == 0
    assert 'has verify_recipients = "none", so nobody is asked' in result.stderr
    assert "Delivered   bob@acme.com: named in To" in result.stdout


def explained_in_folder(tmp_path: Path, text: str, *options: str) -> Result:
    (tmp_path / "mailferry.toml").write_text('[relay]\nhelo_name = "mx.example"\n' + text)
    (tmp_path / "mail.eml").write_bytes(MAIL)
    arguments = ["explain", "--account", "catchall", "-c", str(tmp_path / "mailferry.toml"), *options]
    return CliRunner().invoke(main, arguments)


def test_a_file_can_be_explained_as_one_of_a_folder(tmp_path: Path) -> None:
    text = imap_account('folder_recipients = { "Sales" = "sales@acme.com" }')
    mail = (str(tmp_path / "mail.eml"), "--folder", "Sales")
    lines = explained_in_folder(tmp_path, text, *mail).stdout.splitlines()
    assert lines[0] == "Folder      Sales"
    assert "Evidence    class 0: folder (certain confidence)" in lines
    assert "Value       Sales" in lines
    assert "Delivered   sales@acme.com: read from the folder Sales" in lines
    told = json.loads(explained_in_folder(tmp_path, text, *mail, "-o", "json").stdout)
    assert told["folder"] == "Sales"
    assert told["evidence"] == {"class": 0, "field": "", "value": "Sales"}
    assert told["confidence"] == "certain"


def test_a_mail_in_the_mailbox_has_its_own_folder(tmp_path: Path) -> None:
    result = explained_in_folder(tmp_path, account(), "--live", "--folder", "Sales")
    assert result.exit_code == 2
    assert "--folder is for a FILE" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Name one FILE or more, or give --live."),
        (["--live", "one", "two"], "name one ACCOUNT and no FILE"),
        (["--live", "one", "--account", "one"], "name one ACCOUNT and no FILE"),
        (["--live", "nobody"], 'There is no account "nobody"'),
        (["missing.eml"], "No such file"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_the_reason(
    arguments: list[str], complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "mailferry.toml"
    path.write_text('[relay]\nhelo_name = "mx.example"\n' + account())
    result = CliRunner().invoke(main, ["explain", *arguments, "-c", str(path)])
    assert result.exit_code == 2
    assert complaint in " ".join(result.stderr.split())


def test_a_file_needs_no_account_where_there_is_only_one(tmp_path: Path) -> None:
    path = tmp_path / "mailferry.toml"
    one = '[relay]\nhelo_name = "mx.example"\n' + account()
    path.write_text(one)
    (tmp_path / "mail.eml").write_bytes(MAIL)
    arguments = ["explain", str(tmp_path / "mail.eml"), "-c", str(path)]
    assert "Account     acme/catchall" in CliRunner().invoke(main, arguments).stdout
    path.write_text(one + ACCOUNT.replace('"catchall"', '"other"'))
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "by --account" in " ".join(result.stderr.split())) == (2, True)
