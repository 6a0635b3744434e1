"""`mailferry config`: checks the configuration, shows what is in force, prints all settings.

`check` and `show` end with exit code 78 and every problem on standard error if the configuration cannot be
used. `check` also prints warnings, which change no exit code.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.options import config_file, output
from services.cli.output import write_json
from shared.config import load, shown
from shared.config.reference import reference
from shared.operations.config_check import findings
from shared.operations.wording import counted


@click.group("config")
def config_group() -> None:
    """Check or show the configuration, or print all settings."""


@config_group.command("check")
@config_file
@output
def check(path: Path, output: str) -> None:
    """Show all errors and warnings, with file, line and key. Run it as the user who runs Mailferry: it looks
    whether that user can write where the database and the blobs are to be.
    """
    configuration = load(path, os.environ)
    accounts, targets = configuration.accounts, configuration.targets
    enabled = sum(account.enabled for account in accounts.values())
    warnings = findings(configuration)
    if output == "json":
        numbers = {"accounts": len(accounts), "enabled": enabled, "targets": len(targets)}
        write_json({"path": path, **numbers, "warnings": warnings})
        return
    for sentence in warnings:
        click.echo(f"warning: {sentence}", err=True)
    verdict = f"no errors, {counted(len(warnings), 'warning')}" if warnings else "no problems"
    click.echo(
        f"{path}: {verdict}; {counted(len(accounts), 'account')} ({enabled} enabled), "
        f"{counted(len(targets), 'target')}"
    )


@config_group.command("show")
@config_file
def show(path: Path) -> None:
    """Show all settings in force, without secrets.

    Defaults and overrides are included; each value is shown with its origin.
    """
    click.echo(shown(load(path, os.environ)), nl=False)


@config_group.command("reference")
def print_reference() -> None:
    """Print the reference of all settings, as a page in Markdown."""
    click.echo(reference(), nl=False)
