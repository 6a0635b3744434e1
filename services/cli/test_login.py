"""`mailferry test-login`: whether sources and targets accept our logins, and if not, what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import click
from rich.text import Text

from services.cli.mail_columns import counts_known
from services.cli.naming import servers
from services.cli.options import config_file, output
from services.cli.output import Column, Row, console, print_noted, write_json
from services.cli.running import execute
from services.fetcher.mailboxes.opening import open_account
from shared.config import load
from shared.model.errors import quoted
from shared.operations.login_test import LoginTest, ShowLine
from shared.operations.logins import LoginTestOptions, try_logins
from shared.operations.oauth_context import operator_grants
from shared.operations.source_counts import AccountCounts, source_counts
from shared.runtime.exit_codes import FAILURE, TEMPORARY_FAILURE

COLUMNS = (
    Column("result", "Login", whole=True),
    Column("name", "Name", whole=True),
    Column("server", "Server", whole=True),
)


@click.command(
    "test-login",
    short_help="Log in to sources and targets; show what fails.",
    epilog="Nothing is fetched, sent or deleted. Exit code 0 if all logins succeed, 75 if trying again may "
    "help, 78 if the configuration cannot be used, otherwise 1.",
)
@config_file
@click.argument("names", nargs=-1, metavar="[ACCOUNT|TARGET]...")
@click.option("-v", "--verbose", is_flag=True, help="Show the dialogues on standard error, secrets masked.")
@click.option(
    "--probe-reading",
    is_flag=True,
    help="Read one mail of each account, to see whether the source still shows it afterwards. If not, a copy "
    "stays in this directory.",
)
@click.option("--rcpt", metavar="ADDRESS", help="The recipient to ask the targets about.")
@output
def test_login(
    path: Path, names: Sequence[str], verbose: bool, probe_reading: bool, rcpt: str | None, output: str
) -> None:
    """Log in to all sources and targets, or to those named, and show what fails and what to do."""
    configuration = load(path, os.environ)
    accounts, targets = servers(configuration, names)
    options = LoginTestOptions(
        keep_in=Path.cwd() if probe_reading else None,
        recipient=rcpt,
        show=_show_dialogue if verbose else None,
    )

    async def work() -> list[LoginTest]:
        async with operator_grants(configuration) as grants:
            open_mailbox = partial(open_account, grants=grants)
            return await try_logins(configuration, accounts, targets, options, open_mailbox, grants)

    tests = execute(work)
    logged_in = [test.name for test in tests if test.ok and test.kind == "account"]
    known = counts_known(configuration, logged_in)
    tests = [_counted(test, known.get(test.name)) for test in tests]
    if output == "json":
        write_json([asdict(test) for test in tests])
    else:
        print_noted(console(), [_row(test) for test in tests], COLUMNS, "findings", "Findings")
    failed = [test for test in tests if not test.ok]
    if failed:
        temporary = all(test.temporary for test in failed)
        raise click.exceptions.Exit(TEMPORARY_FAILURE if temporary else FAILURE)


def _show_dialogue(name: str) -> ShowLine:
    def show(side: str, line: str) -> None:
        click.echo(f"{name} {side}: {quoted(line)}", err=True)

    return show


def _counted(test: LoginTest, known: AccountCounts | None) -> LoginTest:
    """The test with what the mails at the source are, in the words of `status`."""
    total = test.details.get("mails")
    if known is None or not isinstance(total, int) or not total:
        return test
    counts = source_counts(total, known)
    details = {**test.details, "waiting": counts.waiting, "kept": counts.kept, "put_aside": counts.put_aside}
    return replace(test, sentence=f"{test.sentence.rstrip('.')}; {counts}", details=details)


def _row(test: LoginTest) -> Row:
    findings = f"{test.sentence}. {test.advice}" if test.advice else test.sentence
    result = Text("ok", style="green") if test.ok else Text(f"{test.step} failed", style="bold red")
    return {**asdict(test), "result": result, "findings": findings.replace("..", ".")}
