"""`mailferry config check` and `config show`: what is wrong with the configuration, and what is in force.

Both end with exit code 78 and every problem on standard error where the configuration cannot be used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import click

from shared.model.errors import ConfigurationError
from shared.ops.config import Configuration, load, shown

DEFAULT_PATH = Path("/etc/mailferry/mailferry.toml")

config_file = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    show_default=True,
    envvar="MAILFERRY_CONFIG",
    help="The configuration file; MAILFERRY_CONFIG may name it, too.",
)


@click.group("config")
def config_group() -> None:
    """Look at the configuration."""


@config_group.command("check")
@config_file
def check(path: Path) -> None:
    """Tell every problem of the configuration, with file, line and key."""
    configuration = load_or_exit(path)
    enabled = sum(account.enabled for account in configuration.accounts.values())
    click.echo(
        f"{path}: no problems; {len(configuration.accounts)} accounts ({enabled} enabled), "
        f"{len(configuration.targets)} targets"
    )


@config_group.command("show")
@config_file
def show(path: Path) -> None:
    """Show the configuration in force: with defaults and overrides, without secrets, each value with its
    origin.
    """
    click.echo(shown(load_or_exit(path)), nl=False)


def load_or_exit(path: Path) -> Configuration:
    """The configuration; where it cannot be used, its problems go to standard error and the process ends
    with 78.
    """
    try:
        return load(path, os.environ)
    except ConfigurationError as error:
        refuse(error)


def refuse(error: ConfigurationError) -> NoReturn:
    """Tell every problem on standard error and end with exit code 78."""
    for problem in error.problems:
        click.echo(problem, err=True)
    raise SystemExit(error.exit_code)
