"""`mailferry account import`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main as mailferry
from services.cli.account import MOST_SHOWN
from shared.adapters.sql import upgrade
from tests.fakes.configuration import TARGET

RC = """
set logfile /var/log/fetchmail
poll pop.isp.example proto pop3
  user joe pass "a secret" is joe here keep ssl
  user ann pass q is ann@corp.example here ssl preconnect "ssh -f tunnel"
"""
IDS = "joe@pop.isp.example one\n"


@pytest.fixture
def rc(tmp_path: Path) -> Path:
    path = tmp_path / "fetchmailrc"
    path.write_text(RC, "utf-8")
    (tmp_path / ".fetchids").write_text(IDS, "utf-8")
    return path


def run(rc: Path, *arguments: str, width: int = 80) -> Result:
    command = ["account", "import", str(rc), "--from", "fetchmailrc", *arguments]
    return CliRunner(env={"COLUMNS": str(width)}).invoke(mailferry, command)


def test_a_dry_run_shows_what_would_be_in_80_columns(rc: Path) -> None:
    shown = run(rc, "--dry-run", "--target", "exchange", "--domain", "corp.example", "--begin", "now")
    assert shown.exit_code == 0, shown.output
    table, _, below = shown.stdout.partition("\n\n")
    assert max(map(len, table.split("\n"))) <= 80
    assert "To joe@corp.example" in " ".join(table.split())
    assert "default/ann-pop.isp.example: line 5: preconnect: Mailferry runs no commands" in below
    assert "2 of 2 accounts can be used\n" in below
    assert "line 2: set logfile:" in shown.stderr


def test_a_row_that_cannot_be_used_says_why_and_ends_with_1(rc: Path) -> None:
    shown = run(rc, "--dry-run")
    assert shown.exit_code == 1
    assert "default/joe-pop.isp.example: not usable: line 4: keep: mail that was delivered" in shown.stdout
    assert "1 of 2 accounts can be used; 1 cannot, for the reasons above" in shown.stdout


def test_toml_is_valid_and_has_no_password(rc: Path) -> None:
    shown = run(rc, "--as-toml", "--target", "exchange", "--domain", "corp.example", "--begin", "all")
    read = tomllib.loads(shown.stdout)
    assert [each["name"] for each in read["accounts"]] == ["joe-pop.isp.example", "ann-pop.isp.example"]
    assert "a secret" not in shown.output


def test_json_has_all_findings_and_no_password(rc: Path) -> None:
    state = str(rc.parent / ".fetchids")
    shown = run(
        rc, "--dry-run", "-o", "json", "--target", "exchange", "--domain", "x.example", "--state", state
    )
    read = json.loads(shown.stdout)
    joe, ann = read["accounts"]
    assert (joe["usable"], joe["delivered_before"], joe["keys"]["begin"]) == (True, 1, "now")
    assert [each["option"] for each in ann["findings"]] == ["preconnect"]
    assert [each["option"] for each in read["findings"]] == ["set logfile"]
    assert "a secret" not in shown.output


def installation(rc: Path) -> str:
    path = rc.parent / "mailferry.toml"
    path.write_text('store.url = "sqlite:m.db"\nblobs.url = "file:blobs"\nrelay.helo_name = "f.example"\n')
    return str(path)


def saved(rc: Path, *arguments: str) -> Result:
    options = ("--target", "exchange", "--domain", "corp.example", "--begin", "now", *arguments)
    return run(rc, "-c", installation(rc), *options, width=200)


def call(rc: Path, *arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(mailferry, [*arguments, "-c", installation(rc)])


def test_accounts_are_saved_into_the_registry_once(rc: Path) -> None:
    refused = saved(rc)
    assert refused.exit_code == 1
    assert 'there is no target "exchange"' in refused.stdout
    assert call(rc, "target", "add", "exchange", "url=smtp://mail.corp.example").exit_code == 0
    first = saved(rc)
    assert first.exit_code == 0, first.output
    assert "2 added" in first.stdout
    again = saved(rc)
    assert (again.exit_code, "2 unchanged" in again.stdout) == (0, True)
    shown = call(rc, "account", "show", "joe-pop.isp.example", "-o", "json")
    assert list(json.loads(shown.stdout)["secrets"]) == ["password"]
    for output in (
        first.output,
        again.output,
        shown.output,
        (rc.parent / "m.db").read_bytes().decode("latin-1"),
    ):
        assert "a secret" not in output


def test_an_import_that_broke_off_adds_the_rest(rc: Path) -> None:
    call(rc, "target", "add", "exchange", "url=smtp://mail.corp.example")
    saved(rc)
    assert call(rc, "account", "remove", "ann-pop.isp.example", "--yes").exit_code == 0
    rest = json.loads(saved(rc, "-o", "json").stdout)
    assert [each["result"] for each in rest["accounts"]] == ["unchanged", "added"]


def test_an_import_into_the_registry_enters_what_was_delivered_before(rc: Path) -> None:
    call(rc, "target", "add", "exchange", "url=smtp://mail.corp.example")
    done = saved(rc, "--state", str(rc.parent / ".fetchids"))
    assert done.exit_code == 0, done.output
    traced = call(rc, "trace", "one", "-o", "json")
    assert [each["status"] for each in json.loads(traced.stdout)] == ["skipped"]


def test_a_file_of_another_form_is_refused_in_one_sentence(rc: Path) -> None:
    shown = CliRunner().invoke(mailferry, ["account", "import", str(rc), "--from", "getmailrc", "--dry-run"])
    assert shown.exit_code == 78
    assert shown.stderr == f"{rc}: line 2: expected [section], or a name, = and a value\n"


def test_the_state_can_be_entered_for_accounts_that_are_written_into_the_file(rc: Path) -> None:
    url = f"sqlite://{rc.parent}/mailferry.db"
    upgrade(url)
    path = rc.parent / "mailferry.toml"
    path.write_text(f'[relay]\nhelo_name = "mx.example"\n[store]\nurl = "{url}"\n' + TARGET, "utf-8")
    state = str(rc.parent / ".fetchids")
    arguments = ("--as-toml", "--target", "exchange", "--domain", "x.example", "--state", state)
    entered = run(rc, *arguments, "--save-state", "-c", str(path))
    assert entered.exit_code == 0, entered.output
    assert "default/joe-pop.isp.example: the delivered mails are entered\n" in entered.stderr
    assert tomllib.loads(entered.stdout)["accounts"][0]["begin"] == "now"
    traced = CliRunner().invoke(mailferry, ["trace", "one", "-o", "json", "-c", str(path)])
    assert [each["status"] for each in json.loads(traced.stdout)] == ["skipped"]


def test_without_entering_it_the_toml_warns(rc: Path) -> None:
    state = str(rc.parent / ".fetchids")
    shown = run(rc, "--as-toml", "--target", "exchange", "--domain", "x.example", "--state", state)
    assert "# line 4: --state: mails that were delivered before: 1. They must be entered" in shown.stdout


def test_entering_the_state_needs_one(rc: Path) -> None:
    assert run(rc, "--as-toml", "--save-state").exit_code == 2


def test_of_very_many_imported_accounts_those_that_were_refused_come_first(tmp_path: Path) -> None:
    rows = [
        f"acme,b{each},pop3s://a.example,u,secret,b{each}@corp.example,exchange" for each in range(MOST_SHOWN)
    ]
    table = tmp_path / "accounts.csv"
    head = "tenant,name,source,username,password,recipient,target"
    table.write_text("\n".join([head, *rows, "acme,last,pop3s://a.example,u,,b@corp.example,exchange", ""]))
    config = installation(table)
    upgrade(f"sqlite://{tmp_path}/m.db")
    runner = CliRunner(env={"COLUMNS": "80", "MAILFERRY_CONFIG": config})
    assert runner.invoke(mailferry, ["target", "add", "exchange", "url=smtp://mx.example"]).exit_code == 0
    ended = runner.invoke(mailferry, ["account", "import", str(table), "--from", "csv"])
    assert ended.exit_code == 1
    lines = ended.stdout.splitlines()
    assert lines[1].split() == ["acme/last", "refused"]
    assert "… and 1 more account (-o json shows all)" in lines
    assert lines[-1] == f"{MOST_SHOWN} added, 1 refused"
