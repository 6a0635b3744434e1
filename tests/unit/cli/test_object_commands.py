"""`mailferry tenant`, `target` and `account` on the registry."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main as mailferry

FILE = """
store.url = "sqlite:m.db"
blobs.url = "file:blobs"
relay.helo_name = "ferry.corp.example"
"""
BOB = """
[[targets]]
name = "archive"
url = "smtp://archive.corp.example"
[[accounts]]
tenant = "acme"
name = "file"
source = "pop3s://pop.isp.example"
username = "file"
password = "in the file"
mailbox = "single"
recipient = "file@acme.example"
target = "archive"
"""
Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Runs a command on an installation without accounts."""
    path = tmp_path / "mailferry.toml"
    path.write_text(FILE)

    def run(*arguments: str, typed: str = "", code: int = 0) -> Result:
        command = [*arguments, "-c", str(path)]
        result = CliRunner(env={"COLUMNS": "200"}).invoke(mailferry, command, input=typed)
        assert result.exit_code == code, result.output
        return result

    run("target", "add", "exchange", "url=smtp://mail.corp.example")
    return run


def add_account(call: Call, tmp_path: Path, name: str = "bob", tenant: str = "acme") -> None:
    """Add an account by import, as `account add` tries the login."""
    table = tmp_path / "accounts.csv"
    columns = "name,tenant,source,username,password,mailbox,recipient,target\n"
    row = f"{name},{tenant},pop3s://pop.isp.example,{name},a secret,single,{name}@acme.example,exchange\n"
    table.write_text(columns + row)
    call("account", "import", str(table), "--from", "csv")


def shown(call: Call, kind: str, name: str) -> dict[str, Any]:
    read = json.loads(call(kind, "show", name, "-o", "json").stdout)
    assert isinstance(read, dict)
    return read


def test_objects_are_listed_as_table_json_and_names(call: Call, tmp_path: Path) -> None:
    assert call("account", "list").stdout == "There is no account.\n"
    add_account(call, tmp_path)
    add_account(call, tmp_path, "eve", "other")
    assert call("account", "list", "-o", "name").stdout == "acme/bob\nother/eve\n"
    assert "pop3s://pop.isp.example  command" in call("account", "list").stdout
    (only,) = json.loads(call("account", "list", "--tenant", "other", "-o", "json").stdout)
    assert (only["id"], only["managed_by"], list(only["secrets"])) == ("other/eve", "command", ["password"])
    assert call("account", "list", "--disabled", "-o", "name").stdout == ""
    assert call("account", "list", "--target", "exchange", "-o", "name").stdout.count("\n") == 2


def test_a_key_is_set_in_its_type_and_unset(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    call("account", "set", "bob", "poll=5m", "session_limit=64MiB", "mail_limit=1MiB")
    keys = shown(call, "account", "bob")["keys"]
    assert (keys["poll"], keys["session_limit"]) == ("5m", "64MiB")
    call("account", "set", "bob", "--unset", "poll")
    assert "poll" not in shown(call, "account", "acme/bob")["keys"]
    call("tenant", "add", "acme", "max_accounts=1")
    assert shown(call, "tenant", "acme")["keys"]["max_accounts"] == 1


def test_all_problems_with_keys_are_told_at_once(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    refused = call("account", "set", "bob", "poll=never", "colour=red", code=78)
    assert 'account "acme/bob": "poll": ' in refused.stderr
    assert 'account "acme/bob": unknown key "colour"' in refused.stderr


@pytest.mark.parametrize(
    "key", ["password=x", "source=pop3s://bob:geheim@pop.isp.example", "token=x", "srs_key=x"]
)
def test_a_secret_on_the_command_line_is_refused(call: Call, tmp_path: Path, key: str) -> None:
    add_account(call, tmp_path)
    refused = call("account", "set", "bob", key, code=2)
    assert "every user of this machine can see" in refused.stderr
    assert "geheim" not in refused.output


def test_a_secret_is_read_from_a_file_or_standard_input(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    before = shown(call, "account", "bob")
    call("account", "set", "bob", "--secret", "password=-", typed="new\n")
    after = shown(call, "account", "bob")
    assert after["revision"] > before["revision"]
    (tmp_path / "pw").write_text("new\n")
    call("account", "set", "bob", "--secret", f"password={tmp_path / 'pw'}")
    assert shown(call, "account", "bob")["revision"] == after["revision"], "it is the same"
    call("account", "set", "bob", "--secret", "colour=-", code=2)


def test_an_account_is_disabled_and_enabled(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    assert call("account", "disable", "bob").stdout == "account acme/bob disabled\n"
    assert shown(call, "account", "bob")["state"] == "disabled"
    call("account", "enable", "acme/bob")
    assert shown(call, "account", "bob")["state"] == "enabled"


def test_an_account_of_a_disabled_tenant_or_target_says_what_holds_it(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    call("tenant", "add", "acme")
    assert call("tenant", "disable", "acme").stdout == "tenant acme disabled\n"
    assert "its tenant is disabled: neither visited nor delivered" in " ".join(call("status").stdout.split())
    call("tenant", "enable", "acme")
    call("target", "disable", "exchange")
    assert shown(call, "target", "exchange")["state"] == "disabled"
    assert "its target is disabled: neither visited nor delivered" in " ".join(call("status").stdout.split())
    call("target", "enable", "exchange")
    assert "is disabled" not in call("status").stdout


def test_a_change_for_an_older_revision_is_refused(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    revision = str(shown(call, "account", "bob")["revision"])
    call("account", "set", "bob", "poll=5m", "--revision", revision)
    refused = call("account", "set", "bob", "poll=6m", "--revision", revision, code=1)
    assert "changed by somebody else meanwhile" in refused.stderr


def test_removing_asks_first(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    call("account", "remove", "bob", typed="n\n", code=1)
    assert shown(call, "account", "bob")["state"] == "enabled"
    call("account", "remove", "bob", typed="y\n")
    assert "not in the registry" in call("account", "show", "bob", code=1).stderr


def test_a_target_in_use_is_removed_by_force(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    assert "still needed by 1 account" in call("target", "remove", "exchange", "--yes", code=1).stderr
    call("target", "remove", "exchange", "--yes", "--force")
    assert 'there is no target "exchange"' in call("account", "list").stdout


def test_a_name_that_two_tenants_have_needs_its_tenant(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    add_account(call, tmp_path, tenant="other")
    refused = call("account", "show", "bob", code=1)
    assert "may be acme/bob or other/bob; name it with its tenant" in refused.stderr


def test_what_a_file_manages_names_its_file(call: Call, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(FILE + BOB)
    other.chmod(0o600)
    assert CliRunner().invoke(mailferry, ["apply", "-c", str(other)]).exit_code == 0
    refused = call("account", "set", "file", "poll=5m", code=1)
    assert f"it is managed by {other}" in refused.stderr


def test_accounts_are_exported_without_secrets_and_can_be_read_again(call: Call, tmp_path: Path) -> None:
    add_account(call, tmp_path)
    call("account", "set", "bob", 'trusted_hosts=["mx.isp.example"]')
    (account,) = tomllib.loads(call("account", "export").stdout)["accounts"]
    assert account["trusted_hosts"] == ["mx.isp.example"]
    assert "password" not in account
    exported = call("account", "export", "--format", "csv").stdout
    assert "a secret" not in exported
    (row,) = csv.DictReader(io.StringIO(exported))
    assert (row["tenant"], row["name"], row["enabled"]) == ("acme", "bob", "")
    assert row["trusted_hosts"] == "mx.isp.example"
    call("account", "remove", "bob", "--yes")
    table = tmp_path / "exported.csv"
    table.write_text(exported.replace("tenant,", "password,tenant,").replace("acme,bob", "pw,acme,bob"))
    call("account", "import", str(table), "--from", "csv")
    keys = shown(call, "account", "bob")["keys"]
    assert (keys["trusted_hosts"], keys["recipient"]) == (["mx.isp.example"], "bob@acme.example")
