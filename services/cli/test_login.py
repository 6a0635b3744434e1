"""`mailferry test-login`: whether sources and targets let us in, and if not, at which step and what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text

from services.cli.naming import servers
from services.cli.options import config_file, output
from services.cli.output import Column, Row, console, table, write_json
from services.cli.probe import Finding, Show, probe_account, probe_target
from services.cli.running import execute
from shared.model.errors import quoted
from shared.ops.config import Configuration, load
from shared.process.ending import FAILURE, TEMPORARY_FAILURE

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
    "else 1.",
)
@config_file
@click.argument("names", nargs=-1, metavar="[ACCOUNT|TARGET]...")
@click.option("-v", "--verbose", is_flag=True, help="Show the dialogues on standard error, secrets masked.")
@output
def test_login(path: Path, names: Sequence[str], verbose: bool, output: str) -> None:
    """Log in to sources and targets, or to those named, and tell in plain words what fails."""
    configuration = load(path, os.environ)
    accounts, targets = servers(configuration, names)
    findings = execute(lambda: _probe(configuration, accounts, targets, verbose))
    if output == "json":
        write_json([asdict(finding) for finding in findings])
    else:
        console().print(table([_row(finding) for finding in findings], COLUMNS))
    failed = [finding for finding in findings if not finding.ok]
    if failed:
        temporary = all(finding.temporary for finding in failed)
        raise click.exceptions.Exit(TEMPORARY_FAILURE if temporary else FAILURE)


async def _probe(
    configuration: Configuration, accounts: Sequence[str], targets: Sequence[str], verbose: bool
) -> list[Finding]:
    """One after the other, so that dialogues do not mix and no provider counts several logins at once."""
    findings = []
    for name in accounts:
        show = _shower(name) if verbose else None
        findings.append(await probe_account(configuration.accounts[name], show))
    for name in targets:
        show = _shower(name) if verbose else None
        findings.append(await probe_target(configuration.targets[name], configuration.relay.helo_name, show))
    return findings


def _shower(name: str) -> Show:
    def show(side: str, line: str) -> None:
        click.echo(f"{name} {side}: {quoted(line)}", err=True)

    return show


def _row(finding: Finding) -> Row:
    if finding.ok:
        return {**asdict(finding), "light": Text("ok", style="green"), "words": finding.sentence}
    words = f"{finding.sentence} {finding.advice}"
    return {**asdict(finding), "light": Text(f"{finding.step} failed", style="bold red"), "words": words}
