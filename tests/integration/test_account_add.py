"""`mailferry account add` at a terminal, with a real Dovecot as the source."""

from __future__ import annotations

import asyncio
import poplib
import socket
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.config import load
from shared.model.account import Account
from tests.fakes.autoconfig_documents import document, server
from tests.fakes.certificates import make_certificate
from tests.fakes.command import mailferry
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.https_server import http_answer, https_server
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.terminal import Terminal

ADDRESS = "bob@corp.example"
LOCKS = """
protocol pop3 {
  pop3_lock_session = yes
}
mail_max_lock_timeout = 1s
"""


@pytest.fixture
def configuration(tmp_path: Path, dovecot: Dovecot) -> Path:
    return written(tmp_path, dovecot)


def written(directory: Path, dovecot: Dovecot) -> Path:
    """A configuration with two targets, which trusts the server's certificate."""
    path = directory / "mailferry.toml"
    path.write_text(
        f"""
        store.url = "sqlite:mailferry.db"
        relay.helo_name = "ferry.corp.example"
        [defaults]
        ca_file = "{dovecot.certificate.chain}"
        [[targets]]
        name = "exchange"
        url = "smtp://mail.corp.example"
        [[targets]]
        name = "archive"
        url = "smtp://archive.corp.example"
        """
    )
    return path


def account_in(shown: str) -> dict[str, Any]:
    """The account that was printed at the end."""
    table = shown[shown.index("[[accounts]]") :].partition("\nWrite")[0]
    (account,) = tomllib.loads(table)["accounts"]
    assert isinstance(account, dict)
    return account


def account_of(configuration: Path, printed: str) -> Account:
    """The account as Mailferry has it once the printed table is in its configuration."""
    configuration.write_text(configuration.read_text() + printed)
    (account,) = load(configuration, {}).accounts.values()
    return account


def answer_the_rest(terminal: Terminal) -> None:
    """Answer what comes after the login, with the defaults where there are some."""
    terminal.answer("Whose mail is in it", "")
    terminal.answer("Recipient of the mail", "")
    terminal.answer("Target that the mail is delivered to", "archive")
    terminal.answer("How long a copy stays at the source", "7d")
    terminal.answer("Tenant that the account belongs to", "acme")
    terminal.answer("Name of the account", "")
    terminal.answer("Save this account", "")


def begun(configuration: Path, source: str, user: str) -> Terminal:
    return Terminal(
        "account",
        "add",
        "--as-toml",
        "-c",
        configuration,
        "--address",
        ADDRESS,
        "--source",
        source,
        "--user",
        user,
    )


def files_of(configuration: Path) -> set[str]:
    return {path.name for path in configuration.parent.iterdir()}


def test_with_the_right_password_the_account_is_printed_as_the_configuration_takes_it(
    configuration: Path, dovecot: Dovecot, dovecot_user: Login
) -> None:
    source = f"imaps://localhost:{dovecot.imaps_port}"
    with begun(configuration, source, dovecot_user.name) as terminal:
        terminal.answer("Password of", dovecot_user.password)
        shown = terminal.expect("logged in as")
        for step in ("name", "connect", "TLS", "greeting", "method", "credentials", "mailbox"):
            assert f"✓ {step}" in shown
        answer_the_rest(terminal)
        assert terminal.end() == 0
    assert dovecot_user.password not in terminal.shown
    account = account_in(terminal.shown)
    assert account == {
        "tenant": "acme",
        "name": "bob-corp.example",
        "source": source,
        "username": dovecot_user.name,
        "mailbox": "single",
        "recipient": ADDRESS,
        "target": "archive",
        "retention": "7d",
        "password_file": "/etc/mailferry/acme-bob-corp.example.password",
    }
    assert files_of(configuration) == {"mailferry.toml"}


def test_after_a_wrong_password_another_one_can_be_entered(
    configuration: Path, dovecot: Dovecot, dovecot_user: Login
) -> None:
    with begun(configuration, f"pop3://localhost:{dovecot.pop3_port}", dovecot_user.name) as terminal:
        terminal.answer("Password of", "wrong")
        shown = terminal.answer("What now", "")
        assert "✗ credentials" in shown
        assert "Check user name and password" in shown
        terminal.answer("Password of", dovecot_user.password)
        terminal.expect("logged in as")
        answer_the_rest(terminal)
        assert terminal.end() == 0
    assert account_in(terminal.shown)["source"] == f"pop3://localhost:{dovecot.pop3_port}"


def test_after_a_wrong_port_the_right_server_can_be_entered_with_the_same_password(
    configuration: Path, dovecot: Dovecot, dovecot_user: Login
) -> None:
    right = f"imap://localhost:{dovecot.imap_port}"
    with begun(configuration, f"imap://localhost:{free_port()}", dovecot_user.name) as terminal:
        terminal.answer("Password of", dovecot_user.password)
        shown = terminal.answer("What now", "")
        assert "✗ connect" in shown
        assert "Check host and port" in shown
        terminal.answer("Server of the mailbox", "imap://not a server")
        terminal.answer("Server of the mailbox", right)
        terminal.expect("logged in as")
        answer_the_rest(terminal)
        assert terminal.end() == 0
    assert account_in(terminal.shown)["source"] == right


def test_the_found_servers_are_shown_and_another_one_can_be_entered(
    configuration: Path, dovecot: Dovecot, dovecot_user: Login
) -> None:
    """The server of this address is known without asking anybody."""
    with Terminal("account", "add", "--as-toml", "-c", configuration) as terminal:
        terminal.answer("Mail address of the mailbox", "not an address")
        terminal.answer("Mail address of the mailbox", "bob@gmx.de")
        shown = terminal.expect("Server of the mailbox: a number, or a URL [1]")
        assert "1: imaps://imap.gmx.net (found by: known provider; confidence: high)" in shown
        assert "2: pop3s://pop.gmx.net" in shown
        assert "Password" not in shown
        terminal.answer("", f"imap://localhost:{dovecot.imap_port}")
        shown = terminal.answer("User name at imap://localhost", dovecot_user.name)
        terminal.answer("Password of", dovecot_user.password)
        terminal.expect("logged in as")
        answer_the_rest(terminal)
        assert terminal.end() == 0
    account = account_in(terminal.shown)
    assert (account["source"], account["recipient"]) == (
        f"imap://localhost:{dovecot.imap_port}",
        "bob@gmx.de",
    )


async def test_the_server_that_the_domain_names_is_confirmed_before_anything_is_sent_to_it(
    configuration: Path, dovecot: Dovecot, dovecot_user: Login, tmp_path: Path
) -> None:
    web = tmp_path / "web"
    web.mkdir()
    certificate = make_certificate(web, "DNS:autoconfig.corp.example")
    hosts = web / "hosts"
    hosts.write_text(f"{LOOPBACK} autoconfig.corp.example localhost\n")
    imaps = server("imap", "localhost", str(dovecot.imaps_port), "SSL", dovecot_user.name)
    answers = {"autoconfig.corp.example/mail/config-v1.1.xml": http_answer("200 OK", document(imaps))}

    def add(environ: Mapping[str, str]) -> dict[str, Any]:
        arguments = ("account", "add", "--as-toml", "-c", configuration, "--address", ADDRESS)
        with Terminal(*arguments, environ=environ, module="tests.servers.local_names") as terminal:
            shown = terminal.expect("Server of the mailbox: a number, or a URL [1]")
            assert f"1: imaps://localhost:{dovecot.imaps_port} (found by: autoconfig of the domain" in shown
            assert f"<{dovecot_user.name}>" not in dovecot.log()
            terminal.answer("", "1")
            terminal.answer(f"User name at imaps://localhost:{dovecot.imaps_port}", "")
            terminal.answer(f"Password of {dovecot_user.name}", dovecot_user.password)
            terminal.expect("logged in as")
            answer_the_rest(terminal)
            assert terminal.end() == 0
            assert f"<{dovecot_user.name}>" in dovecot.log()
            return account_in(terminal.shown)

    async with https_server(answers, certificate.server_context()) as served:
        environ = {"HOSTS_FILE": str(hosts), "CA_FILE": certificate.ca_file, "HTTPS_PORT": str(served.port)}
        account = await asyncio.to_thread(add, environ)
    assert account["source"] == f"imaps://localhost:{dovecot.imaps_port}"
    assert account["username"] == dovecot_user.name
    assert served.requests[0][0].startswith(f"GET /mail/config-v1.1.xml?emailaddress={ADDRESS} ")


@pytest.fixture
def locking_dovecot() -> Iterator[Dovecot]:
    require("dovecot")
    with server_directory("dovecot") as directory, Dovecot(directory, extra=LOCKS) as server:
        yield server


def test_a_locked_mailbox_can_be_tried_again_once_it_is_free(
    tmp_path: Path, locking_dovecot: Dovecot
) -> None:
    user = locking_dovecot.new_user()
    other = poplib.POP3(LOOPBACK, locking_dovecot.pop3_port, timeout=40)
    other.user(user.name)
    other.pass_(user.password)
    path = written(tmp_path, locking_dovecot)
    with begun(path, f"pop3s://localhost:{locking_dovecot.pop3s_port}", user.name) as terminal:
        terminal.answer("Password of", user.password)
        shown = terminal.expect("What now")
        assert "✗ mailbox" in shown
        other.quit()
        terminal.answer("", "again")
        terminal.expect("logged in as")
        answer_the_rest(terminal)
        assert terminal.end() == 0


def test_who_gives_up_saves_nothing(configuration: Path, dovecot: Dovecot, dovecot_user: Login) -> None:
    with begun(configuration, f"imaps://localhost:{dovecot.imaps_port}", dovecot_user.name) as terminal:
        terminal.answer("Password of", "wrong")
        terminal.answer("What now", "quit")
        terminal.expect("Nothing was saved.")
        assert terminal.end() == 1
    assert "[[accounts]]" not in terminal.shown


@pytest.mark.parametrize("question", ["Password of", "Whose mail is in it", "Save this account"])
def test_an_interrupt_leaves_nothing(
    configuration: Path, dovecot: Dovecot, dovecot_user: Login, question: str
) -> None:
    answers = (
        ("Password of", dovecot_user.password),
        ("Whose mail is in it", "catch-all"),
        ("Domains that it has mail for", "corp.example corp.test"),
        ("Target that the mail is delivered to", "exchange"),
        ("How long a copy stays at the source", ""),
        ("Tenant that the account belongs to", ""),
        ("Name of the account", ""),
    )
    with begun(configuration, f"imaps://localhost:{dovecot.imaps_port}", dovecot_user.name) as terminal:
        for each, text in answers:
            if each == question:
                break
            terminal.answer(each, text)
        terminal.expect(question)
        terminal.interrupt_answer()
        terminal.expect("Aborted!")
        assert terminal.end() == 1
    assert "[[accounts]]" not in terminal.shown
    assert files_of(configuration) == {"mailferry.toml"}


def test_an_interrupt_during_the_login_leaves_nothing(configuration: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        source = f"imap://localhost:{silent.getsockname()[1]}"
        with begun(configuration, source, "bob") as terminal:
            terminal.answer("Password of", "geheim")
            terminal.expect("Logging in")
            connection, _ = silent.accept()
            with connection:
                terminal.interrupt()
                terminal.expect("interrupted")
                assert terminal.end() == 130
    assert "[[accounts]]" not in terminal.shown
    assert files_of(configuration) == {"mailferry.toml"}


async def test_a_script_adds_a_catch_all_account_without_a_question(
    configuration: Path, dovecot: Dovecot, dovecot_user: Login, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(dovecot_user.password + "\n")
    secret.chmod(0o600)
    ended = await mailferry(
        *("account", "add", "--as-toml", "-c", configuration, "--address", ADDRESS, "--yes"),
        *("--source", f"imaps://{dovecot_user.name}@localhost:{dovecot.imaps_port}"),
        *("--password-file", secret, "--domain", "corp.example", "--domain", "corp.test"),
        *("--target", "exchange", "--retention", "keep", "--name", "all"),
    )
    assert ended.code == 0, ended.err
    assert dovecot_user.password not in ended.out + ended.err
    account = account_of(configuration, ended.out)
    assert account.routing.domains == {"corp.example": "keep", "corp.test": "keep"}
    assert account.login.password.get_secret_value() == dovecot_user.password
    assert account.retention.days is None


async def test_without_as_toml_the_account_is_in_the_registry_and_logs_in(
    configuration: Path, dovecot: Dovecot, dovecot_user: Login
) -> None:
    assert (await mailferry("apply", "-c", configuration)).code == 0
    source = f"imaps://localhost:{dovecot.imaps_port}"
    with Terminal(
        *("account", "add", "-c", configuration),
        *("--address", ADDRESS, "--source", source, "--user", dovecot_user.name),
    ) as terminal:
        terminal.answer("Password of", dovecot_user.password)
        terminal.expect("logged in as")
        answer_the_rest(terminal)
        terminal.expect("account acme/bob-corp.example added")
        assert terminal.end() == 0
    shown = await mailferry("account", "show", "bob-corp.example", "-c", configuration)
    assert "password" in shown.out
    assert dovecot_user.password not in terminal.shown + shown.out
    tried = await mailferry("test-login", "bob-corp.example", "-c", configuration)
    assert tried.code == 0, tried.out + tried.err


async def test_a_script_learns_from_the_exit_code_that_the_login_failed(
    configuration: Path, dovecot: Dovecot, dovecot_user: Login, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    ended = await mailferry(
        *("account", "add", "-c", configuration, "--address", ADDRESS, "--yes", "--target", "exchange"),
        *("--source", f"imaps://{dovecot_user.name}@localhost:{dovecot.imaps_port}"),
        *("--password-file", secret),
    )
    assert (ended.code, ended.out) == (1, "")
    assert "✗ credentials" in ended.err
