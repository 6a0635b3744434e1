"""The options that several commands have in common."""

from __future__ import annotations

from pathlib import Path

import click

from shared.config import DEFAULT_PATH

config_file = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    show_default=True,
    envvar="MAILFERRY_CONFIG",
    help="The configuration file. MAILFERRY_CONFIG can name it, too.",
)
output = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to write the result.",
)
verbose = click.option("-v", "--verbose", is_flag=True, help="Log to standard error.")
