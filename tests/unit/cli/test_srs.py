from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from services.cli.__main__ import main
from tests.fakes.configuration import account

KEYS = ('sender = "srs"', 'srs_domain = "acme.com"', 'srs_key = "long-enough"')


def called(tmp_path: Path, *arguments: str, keys: tuple[str, ...] = KEYS) -> Result:
    path = tmp_path / "mailferry.toml"
    path.write_text('[relay]\nhelo_name = "mx.example"\n' + account(*keys))
    return CliRunner().invoke(main, ["srs", *arguments, "-c", str(path)])


def test_a_sender_is_rewritten_and_reversed(tmp_path: Path) -> None:
    rewritten = called(tmp_path, "forward", "anna@sender.example", "--account", "catchall").stdout.strip()
    assert rewritten.startswith("SRS0=")
    assert rewritten.endswith("=sender.example=anna@acme.com")
    assert called(tmp_path, "reverse", f"<{rewritten}>").stdout == "anna@sender.example\n"


def test_what_was_not_made_here_is_refused_with_the_reason(tmp_path: Path) -> None:
    result = called(tmp_path, "reverse", "SRS0=AAAA=AA=sender.example=anna@acme.com")
    assert result.exit_code == 1
    assert "cannot be reversed: its hash is not of our making" in result.stderr


def test_a_domain_that_no_account_rewrites_to_is_told(tmp_path: Path) -> None:
    result = called(tmp_path, "reverse", "SRS0=AAAA=AA=sender.example=anna@acme.net")
    assert (result.exit_code, result.stderr) == (1, 'mailferry: no account has srs_domain = "acme.net"\n')
    result = called(tmp_path, "forward", "a@b.example", "--account", "catchall", keys=())
    assert result.stderr == 'mailferry: acme/catchall does not have sender = "srs"\n'


def test_what_is_no_address_is_a_mistake_in_the_call(tmp_path: Path) -> None:
    assert called(tmp_path, "reverse", "anna").exit_code == 2
