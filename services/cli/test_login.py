"""`mailferry test-login`: whether sources and targets let us in, and if not, at which step and what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.text import Text

from services.cli.existence import asked_domains
from services.cli.login_test import LoginTest
from services.cli.naming import servers
from services.cli.options import config_file, output
from services.cli.output import Column, Row, console, print_table, write_json
from services.cli.overheard import Show
from services.cli.probe import probe_account
from services.cli.running import execute
from services.cli.target_probe import known_recipient, probe_target
from shared.config import Configuration, load
from shared.model.errors import quoted
from shared.runtime.exit_codes import FAILURE, TEMPORARY_FAILURE

COLUMNS = (
    Column("name", "Name", whole=True),
    Column("server", "Server"),
    Column("light", "Login", whole=True),
    Column("words", "What was found"),
)


@click.command(
    "test-login",
    short_help="Log in to sources and targets; tell what fails.",
    epilog="Nothing is fetched, sent or deleted. Exit code 0 if all let us in, 75 if trying again may help, "
    "78 if the configuration cannot be used, else 1.",
)
@config_file
@click.argument("names", nargs=-1, metavar="[ACCOUNT|TARGET]...")
@click.option("-v", "--verbose", is_flag=True, help="Show the dialogues on standard error, secrets masked.")
@click.option(
    "--probe-reading",
    is_flag=True,
    help="Read one mail of each account, to see whether the source still shows it afterwards. A copy stays "
    "in this directory where it does not.",
)
@click.option("--rcpt", metavar="ADDRESS", help="The recipient to ask the targets about.")
@output
def test_login(
    path: Path, names: Sequence[str], verbose: bool, probe_reading: bool, rcpt: str | None, output: str
) -> None:
    """Log in to sources and targets, or to those named, and tell in plain words what fails."""
    configuration = load(path, os.environ)
    accounts, targets = servers(configuration, names)
    wish = Wish(verbose, Path.cwd() if probe_reading else None, rcpt)
    trials = execute(lambda: _probe(configuration, accounts, targets, wish))
    if output == "json":
        write_json([asdict(trial) for trial in trials])
    else:
        print_table(console(), [_row(trial) for trial in trials], COLUMNS)
    failed = [trial for trial in trials if not trial.ok]
    if failed:
        temporary = all(trial.temporary for trial in failed)
        raise click.exceptions.Exit(TEMPORARY_FAILURE if temporary else FAILURE)


@dataclass(frozen=True, slots=True)
class Wish:
    """How to try: show the dialogue; read a mail, which is kept in `keep_in`; ask about `recipient`."""

    verbose: bool
    keep_in: Path | None
    recipient: str | None


async def _probe(
    configuration: Configuration, accounts: Sequence[str], targets: Sequence[str], wish: Wish
) -> list[LoginTest]:
    """One after the other, so that dialogues do not mix and no provider counts several logins at once."""
    trials = []
    for name in accounts:
        show = _shower(name) if wish.verbose else None
        trials.append(await probe_account(configuration.accounts[name], show, wish.keep_in))
    for name in targets:
        show = _shower(name) if wish.verbose else None
        recipient = wish.recipient or known_recipient(configuration, name)
        trials.append(
            await probe_target(
                configuration.targets[name],
                configuration.relay.helo_name,
                recipient,
                show,
                asked_domains(configuration, name),
            )
        )
    return trials


def _shower(name: str) -> Show:
    def show(side: str, line: str) -> None:
        click.echo(f"{name} {side}: {quoted(line)}", err=True)

    return show


def _row(trial: LoginTest) -> Row:
    words = f"{trial.sentence}. {trial.advice}" if trial.advice else trial.sentence
    words = words.replace("..", ".")
    if trial.ok:
        return {**asdict(trial), "light": Text("ok", style="green"), "words": words}
    return {**asdict(trial), "light": Text(f"{trial.step} failed", style="bold red"), "words": words}
