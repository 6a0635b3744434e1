"""`mailferry journal verify` and `rebuild`: the journal against the tables that are folded from it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from services.cli.operator_context import operator_context
from services.cli.options import config_file
from services.cli.running import execute
from services.standalone.alone import alone
from shared.config import Configuration, load
from shared.contract.journal import Fetched
from shared.ports.store import whole_journal
from shared.runtime.exit_codes import FAILURE


@click.group("journal", short_help="Compare the journal with the state tables.")
def journal_group() -> None:
    """Compare the state tables with the journal, or make them anew from it."""


@journal_group.command("verify")
@config_file
def verify(path: Path) -> None:
    """Fold the journal again and compare; exit code 1 and a list if anything differs."""
    configuration = load(path, os.environ)
    messages, differences = execute(lambda: _verified(configuration))
    for difference in differences:
        click.echo(difference)
    if differences:
        click.echo(
            f"{_messages(messages)}, {len(differences)} differences; `mailferry journal rebuild` mends them",
            err=True,
        )
        raise click.exceptions.Exit(FAILURE)
    click.echo(f"{_messages(messages)}, no differences")


@journal_group.command("rebuild")
@config_file
@click.option("--yes", is_flag=True, help="Do not ask.")
def rebuild(path: Path, yes: bool) -> None:
    """Make the state tables anew from the journal. All services have to be stopped before."""
    configuration = load(path, os.environ)
    if not yes:
        click.confirm(
            "Are all services stopped, and shall the state tables be made anew from the journal?",
            abort=True,
            err=True,
        )
    messages = execute(lambda: _rebuilt(configuration))
    click.echo(f"{_messages(messages)} made anew from the journal")


async def _verified(configuration: Configuration) -> tuple[int, Sequence[str]]:
    async with operator_context(configuration) as archive:
        differences = await archive.store.verify_journal()
        messages = 0
        async for entry in whole_journal(archive.store):
            messages += isinstance(entry, Fetched) and entry.fetch_no == 1
        return messages, differences


async def _rebuilt(configuration: Configuration) -> int:
    async with alone(configuration.store.sqlite_path), operator_context(configuration) as archive:
        return await archive.store.rebuild_tables()


def _messages(number: int) -> str:
    return f"{number} message" if number == 1 else f"{number} messages"
