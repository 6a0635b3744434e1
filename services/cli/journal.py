"""`mailferry journal verify` and `rebuild`: the journal against the tables that are folded from it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.options import config_file, output
from services.cli.output import write_json, write_result
from services.cli.progress import progress
from services.cli.running import execute, operate
from shared.config import load
from shared.operations.journal import rebuild_journal_state, verify_journal
from shared.operations.wording import counted
from shared.runtime.exit_codes import FAILURE


@click.group("journal", short_help="Compare the journal with the state tables.")
def journal_group() -> None:
    """Compare the state tables with the journal, or make them anew from it."""


@journal_group.command("verify")
@config_file
@output
def verify(path: Path, output: str) -> None:
    """Compare the journal with the state tables.

    Exit code 1 and a list if anything differs.
    """
    check = operate(load(path, os.environ), verify_journal)
    if output == "json":
        write_json({"mails": check.messages, "differences": check.differences})
        raise click.exceptions.Exit(FAILURE if check.differences else 0)
    for difference in check.differences:
        click.echo(difference)
    differences = counted(len(check.differences), "difference")
    if check.messages is None:
        click.echo(
            f"{differences}; the journal cannot be read whole, so nothing can be made from it", err=True
        )
        raise click.exceptions.Exit(FAILURE)
    messages = counted(check.messages, "mail")
    if check.differences:
        click.echo(f"{messages}, {differences}; `mailferry journal rebuild` repairs them", err=True)
        raise click.exceptions.Exit(FAILURE)
    click.echo(f"{messages}, no differences")


@journal_group.command("rebuild")
@config_file
@click.option("--yes", is_flag=True, help="Do not ask.")
@output
def rebuild(path: Path, yes: bool, output: str) -> None:
    """Make the state tables anew from the journal. Stop all services before."""
    configuration = load(path, os.environ)
    if not yes:
        click.confirm(
            "Are all services stopped, and shall the state tables be made anew from the journal?",
            abort=True,
            err=True,
        )
    with progress() as display:
        messages = execute(lambda: rebuild_journal_state(configuration, display))
    sentence = f"{counted(messages, 'mail')} made anew from the journal"
    write_result(output, sentence, {"mails": messages})
