"""`mailferry account add`: add an account step by step, or by options alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from services.cli.account_questions import Asker, ask_at_terminal, refuse_to_ask
from services.cli.object_commands import actor
from services.cli.options import config_file
from services.cli.running import execute
from services.fetcher.mailboxes.opening import open_account
from shared.autoconfig.candidate import IMAP, POP3
from shared.config import Configuration, load
from shared.config.secrets import GivenSecret, UnusableSecret, read_secret
from shared.model.errors import quoted
from shared.operations.account_adding import (
    AccountRegistry,
    PrintedAccounts,
    RegisteredAccounts,
    network_of,
    save,
    search,
    try_login,
    usable_apps,
    usable_targets,
)
from shared.operations.account_draft import Draft
from shared.operations.account_wizard import (
    MAILBOXES,
    End,
    Question,
    Topic,
    Work,
    answered,
    next_step,
)
from shared.operations.login_test import LoginTest, steps_of
from shared.runtime.exit_codes import FAILURE

SIGN_IN_NEXT = "Its owner signs in next: mailferry oauth connect {}/{}"


@click.command(
    "add",
    short_help="Add an account, step by step.",
    epilog="At a terminal, what the options leave out is asked. Elsewhere, and with --yes, nothing is asked. "
    "The password is sent only once the server was confirmed. See docs/adding-accounts.md.",
)
@config_file
@click.option("--address", help="The mail address of the mailbox; its server is searched for.")
@click.option("--source", metavar="URL", help="The server, as in a configuration; nothing is searched then.")
@click.option("--protocol", type=click.Choice([IMAP, POP3]), default=IMAP, help="What to offer first.")
@click.option("--user", help="The user name at the server.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file with the password alone.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--oauth-app", metavar="APP", help="The OAuth app that the owner signs in to.")
@click.option("--mailbox", type=click.Choice([each.value for each in MAILBOXES]), help="Whose mail it is.")
@click.option("--recipient", help="Who gets the mail of a single mailbox.")
@click.option("--domain", "domains", multiple=True, help="A domain of a catch-all mailbox; repeatable.")
@click.option("--target", help="The target that the mail is delivered to.")
@click.option("--retention", help='How long a copy stays: "delete", "keep" or days such as "7d".')
@click.option("--tenant", help="The tenant that the account belongs to.")
@click.option("--name", help="The name of the account.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the defaults, and the server that was found.")
@click.option("--as-toml", is_flag=True, help="Print the account for the configuration file; save nothing.")
def add(path: Path, protocol: str, yes: bool, as_toml: bool, **options: Any) -> None:
    """Find the server of a mailbox, try the login, and add the account.

    For example: mailferry account add --address bob@isp.example
    """
    configuration = load(path, os.environ)
    targets = execute(partial(usable_targets, configuration))
    if not targets:
        raise click.UsageError(f"{path} has no target that mail could be delivered to; add one first.")
    draft = _prefilled(configuration, targets, execute(partial(usable_apps, configuration)), options)
    ask = ask_at_terminal if sys.stdin.isatty() and not yes else refuse_to_ask(take_defaults=yes)
    file = options["password_file"]
    registry: AccountRegistry = RegisteredAccounts(configuration, actor())
    if as_toml:
        registry = PrintedAccounts(click.echo, None if file is None else str(file.absolute()))
    finished = _walked(draft, configuration, ask, registry, protocol)
    if finished.is_given_up:
        click.echo("Nothing was saved.", err=True)
        raise click.exceptions.Exit(FAILURE)
    if not as_toml:
        click.echo(f"account {finished.tenant}/{finished.name} added")
        if finished.oauth_app is not None:
            click.echo(SIGN_IN_NEXT.format(finished.tenant, finished.name), err=True)
    elif file is None and finished.oauth_app is None:
        click.echo("Write the password into the file that the account names, and make it private.", err=True)


def _walked(
    draft: Draft, configuration: Configuration, ask: Asker, registry: AccountRegistry, protocol: str
) -> Draft:
    """Go through the steps to the end. Nothing is written before the last one."""
    while True:
        step = next_step(draft)
        match step:
            case Question():
                draft = ask(draft, step)
            case Work.SEARCH:
                draft = _searched(draft, configuration, protocol)
            case Work.TRY_LOGIN:
                draft = _tried(draft, configuration)
            case Work.SAVE:
                execute(partial(save, draft, registry))
                return draft
            case End():
                return draft


def _searched(draft: Draft, configuration: Configuration, protocol: str) -> Draft:
    click.echo(f"Looking for the server of {draft.address} …", err=True)
    network = network_of(configuration)
    found = execute(lambda: search(draft, network, protocol))
    if not found.found:
        for problem in found.problems:
            click.echo(f"  {quoted(problem, 500)}", err=True)
        click.echo("No server was found.", err=True)
    return found


def _tried(draft: Draft, configuration: Configuration) -> Draft:
    click.echo(f"Logging in at {draft.source} …", err=True)
    tried = execute(lambda: try_login(draft, configuration, open_account))
    assert tried.login is not None
    for line in login_lines(tried.login):
        click.echo(line, err=True)
    return tried


def login_lines(test: LoginTest) -> Iterator[str]:
    """Yield what came of a login: each step that was reached, then the sentence, and what to do."""
    for step, worked in steps_of(test):
        yield f"  {'✓' if worked else '✗'} {step}"
    yield f"  {test.sentence}"
    if test.advice:
        yield f"  {test.advice}"


def _prefilled(
    configuration: Configuration, targets: Sequence[str], apps: Sequence[str], options: dict[str, Any]
) -> Draft:
    """Return the draft with the answers that the options give. Raises `click.UsageError`."""
    password = _password(options)
    if password is not None and options["oauth_app"] is not None:
        raise click.UsageError("An account with --oauth-app has no password.")
    draft = Draft(targets=tuple(targets), apps=tuple(apps), taken=frozenset(configuration.accounts))
    given: Sequence[tuple[Topic, str, str | None]] = (
        (Topic.ADDRESS, "address", options["address"]),
        (Topic.SERVER, "source", options["source"]),
        (Topic.USERNAME, "user", options["user"]),
        (Topic.PASSWORD, "password-file", password),
        (Topic.APP, "oauth-app", options["oauth_app"]),
        (Topic.MAILBOX, "mailbox", options["mailbox"]),
        (Topic.RECIPIENT, "recipient", options["recipient"]),
        (Topic.DOMAINS, "domain", " ".join(options["domains"]) or None),
        (Topic.TARGET, "target", options["target"]),
        (Topic.RETENTION, "retention", options["retention"]),
        (Topic.TENANT, "tenant", options["tenant"]),
        (Topic.NAME, "name", options["name"]),
    )
    for topic, option, text in given:
        if text is None:
            continue
        try:
            draft = answered(draft, topic, text)
        except ValueError as problem:
            raise click.BadParameter(str(problem), param_hint=f"--{option}") from problem
    return draft


def _password(options: dict[str, Any]) -> str | None:
    """Return the password that the options give. Raises `click.UsageError`."""
    file: Path | None = options["password_file"]
    if options["password_stdin"]:
        if file is not None:
            raise click.UsageError("--password-file and --password-stdin give the password twice.")
        return sys.stdin.readline().rstrip("\r\n")
    if file is None:
        return None
    try:
        secret = read_secret(GivenSecret("password", None, file, None), os.environ) or SecretStr("")
    except UnusableSecret as problem:
        raise click.BadParameter(str(problem), param_hint="--password-file") from problem
    return secret.get_secret_value()
