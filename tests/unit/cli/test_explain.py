from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from services.cli.__main__ import main
from tests.fakes.configuration import account

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
    assert "Evidence   visible To (low confidence)" in lines
    assert "Delivered  bob@acme.com: named in To" in lines
    assert (
        "Delivered  eve@acme.com (found as eve@acme.net): named in To; acme.net is translated to acme.com"
        in lines
    )
    assert "Not used   boss@other.example: other.example is not an accepted domain" in lines


def test_a_mail_for_nobody_is_told_to_be_parked_with_the_reason(tmp_path: Path) -> None:
    result = explained(tmp_path, b"\r\nText\r\n", "-o", "json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["recipients"] == []
    assert told["parked"].startswith("no field names a recipient")
