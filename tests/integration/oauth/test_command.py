"""`mailferry oauth` and `mailferry test-login`, with a real authorization server behind them."""

from __future__ import annotations

import json
import threading
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli import oauth as command
from services.cli.__main__ import main as mailferry
from shared.adapters.sql import upgrade
from tests.servers.authorization_server import AuthorizationServer, answering

CONFIGURATION = """
[relay]
helo_name = "mx.example"
[store]
url = "sqlite://{directory}/mailferry.db"
[[oauth_apps]]
name = "here"
discovery = "{discovery}"
client_id = "here"
client_secret = "canary-secret"
scopes = ["mail", "openid"]
[[targets]]
name = "out"
url = "smtp://localhost:1"
[[accounts]]
name = "box"
source = "imap://127.0.0.1:1"
username = "bob@acme.test"
auth = "oauth"
oauth_app = "here"
tls = "off"
target = "out"
mailbox = "single"
recipient = "bob@corp.example"
"""


class Command:
    def __init__(self, directory: Path, server: AuthorizationServer) -> None:
        self.path = directory / "mailferry.toml"
        self.path.write_text(CONFIGURATION.format(directory=directory, discovery=server.discovery))
        upgrade(f"sqlite://{directory}/mailferry.db")
        assert self("apply").exit_code == 0

    def __call__(self, *arguments: str) -> Result:
        result = CliRunner(env={"MAILFERRY_CONFIG": str(self.path)}).invoke(mailferry, [*arguments])
        assert "canary" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    def status(self) -> dict[str, object]:
        [row] = json.loads(self("oauth", "status", "-o", "json").output)
        assert isinstance(row, dict)
        return row


@pytest.fixture
def run(tmp_path: Path, server: AuthorizationServer, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command; whoever is shown an address opens it."""

    def browse(url: str) -> None:
        threading.Thread(target=lambda: urllib.request.urlopen(url).read(), daemon=True).start()  # noqa: S310 - our own server

    monkeypatch.setattr(command, "_show_url", browse)
    return Command(tmp_path, server)


def test_a_mailbox_is_connected_seen_and_revoked(run: Command) -> None:
    assert run.status()["state"] == "not connected"
    assert "knows the app" in run("oauth", "app", "verify", "here").output
    connected = run("oauth", "connect", "box")
    assert connected.exit_code == 0
    assert "bob@acme.test has signed in" in connected.output
    assert (run.status()["state"], run.status()["sentence"]) == ("valid", "ok")
    assert "valid" in run("oauth", "status").output
    account = json.loads(run("status", "-o", "json").output)["accounts"][0]
    assert account["grant"] == "valid"
    assert "the provider was told" in run("oauth", "revoke", "box").output
    assert run.status()["state"] == "revoked"


def test_a_sign_in_of_somebody_else_fails_and_says_why(run: Command, server: AuthorizationServer) -> None:
    server.state.mailbox = "eve@acme.test"
    failed = run("oauth", "connect", "box")
    assert failed.exit_code == 1
    assert "eve@acme.test signed in, but the mailbox is bob@acme.test" in failed.output


def test_a_login_test_names_the_failing_step(run: Command, server: AuthorizationServer) -> None:
    def failing() -> tuple[str, str]:
        [test] = json.loads(run("test-login", "box", "-o", "json").output)
        return test["step"], test["advice"]

    assert failing() == ("consent", "The owner of the mailbox signs in with `mailferry oauth connect`.")
    server.state.lifetime = 1
    run("oauth", "connect", "box")
    server.state.clients["here"].secret = "changed"
    wait_until_over(server)
    assert failing()[0] == "app"


def wait_until_over(server: AuthorizationServer) -> None:
    """The access token lives for a second."""
    token = server.state.tokens[-1]
    while not token.is_expired():
        pass


def test_what_is_asked_for_once_is_not_asked_again_by_itself(
    run: Command, server: AuthorizationServer
) -> None:
    run("oauth", "app", "verify", "here")
    server.faults.append(answering(503, "<html>"))
    failed = run("oauth", "connect", "box")
    assert failed.exit_code == 75
    assert "answered 503; try again later." in failed.output


def test_a_target_and_an_account_that_only_the_database_has_are_connected(run: Command) -> None:
    text = run.path.read_text()
    run.path.write_text(text.partition("[[targets]]")[0])
    assert "bob@acme.test has signed in" in run("oauth", "connect", "box").output
    assert "and its tokens are forgotten; the provider was told" in run("oauth", "revoke", "box").output


def test_an_account_whose_app_is_gone_says_so(run: Command) -> None:
    run.path.write_text(run.path.read_text().replace('oauth_app = "here"', 'oauth_app = "nosuch"'))
    run("apply")
    assert "There is no OAuth app nosuch" in str(run.status()["sentence"])


def test_an_app_is_removed_from_the_database_with_its_sign_ins(
    run: Command, server: AuthorizationServer
) -> None:
    run(
        "oauth",
        "app",
        "add",
        "mine",
        "--discovery",
        server.discovery,
        "--client-id",
        "public",
        "--scope",
        "m",
    )
    run.path.write_text(run.path.read_text().replace('oauth_app = "here"', 'oauth_app = "mine"'))
    run("apply")
    run("oauth", "connect", "box")
    assert "use --force" in run("oauth", "app", "remove", "mine").output
    assert "told of 1 sign-ins" in run("oauth", "app", "remove", "mine", "--force").output
    assert "remove it there" in run("oauth", "app", "remove", "here").output
    assert run("oauth", "app", "remove", "mine").exit_code == 1


def test_an_app_is_kept_in_the_database(run: Command, tmp_path: Path, server: AuthorizationServer) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary-secret\n")
    added = run(
        "oauth", "app", "add", "mine", "--discovery", server.discovery, "--client-id", "here",
        "--client-secret-file", str(secret), "--scope", "mail",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    assert "knows the app" in run("oauth", "app", "verify", "mine").output
    apps = json.loads(run("oauth", "app", "list", "-o", "json").output)
    assert {(each["name"], each["origin"]) for each in apps} == {("here", "file"), ("mine", "database")}
    assert run("oauth", "app", "verify", "unknown").exit_code == 1
