"""`mailferry config check`, `config show` and `config reference`: what is wrong with the configuration, what
is in force, and what can be set.

The first two end with exit code 78 and every problem on standard error where the configuration cannot be
used. What is only odd is a warning of `check`, and changes no exit code.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.options import config_file
from shared.config import load, shown
from shared.config.reference import reference


@click.group("config")
def config_group() -> None:
    """Check or show the configuration."""


@config_group.command("check")
@config_file
def check(path: Path) -> None:
    """Report every problem of the configuration, and warnings, with file, line and key."""
    configuration = load(path, os.environ)
    accounts, targets = configuration.accounts, configuration.targets
    enabled = sum(account.enabled for account in accounts.values())
    warnings = configuration.warnings
    for sentence in warnings:
        click.echo(f"warning: {sentence}", err=True)
    verdict = f"no errors, {_counted(len(warnings), 'warning')}" if warnings else "no problems"
    click.echo(
        f"{path}: {verdict}; {_counted(len(accounts), 'account')} ({enabled} enabled), "
        f"{_counted(len(targets), 'target')}"
    )


@config_group.command("show")
@config_file
def show(path: Path) -> None:
    """Show the configuration in force: with defaults and overrides, without secrets, each value with its
    origin.
    """
    click.echo(shown(load(path, os.environ)), nl=False)


@config_group.command("reference")
def print_reference() -> None:
    """Print the reference of all settings, as a page in Markdown."""
    click.echo(reference(), nl=False)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
