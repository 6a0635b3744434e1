"""`mailferry healthcheck`: asks a running process on this machine whether it can work."""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.options import config_file, output
from services.cli.output import write_json
from shared.config import load_metrics
from shared.config.values import Listen, listen
from shared.operations.healthcheck import check_health
from shared.runtime.exit_codes import FAILURE


def _address(_: click.Context, __: click.Parameter, value: str | None) -> Listen | None:
    if value is None:
        return None
    try:
        return listen(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}") from None


@click.command(short_help="Ask a running process whether it can work.")
@config_file
@click.option(
    "--address",
    callback=_address,
    metavar="HOST:PORT",
    help="The health pages, in place of `[metrics] listen`. Then no configuration is read.",
)
@click.option("--live", is_flag=True, help="Ask only whether the process answers, not whether it can work.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds to wait for the answer.")
@output
def healthcheck(path: Path, address: Listen | None, live: bool, timeout: float, output: str) -> None:
    """Ask the process that serves the health pages whether it can work.

    Exit code 0 if it can, 1 if it cannot or does not answer, 78 if the configuration cannot be used.
    """
    asked = address or load_metrics(path, os.environ).listen
    if asked is None:
        raise click.UsageError("[metrics] listen is empty: there are no health pages to ask.")
    health = check_health(asked.host, asked.port, live=live, timeout=timeout)
    if output == "json":
        write_json({"ok": not health.problems, "problems": health.problems, "remarks": health.remarks})
    for sentence in () if output == "json" else health.remarks:
        click.echo(sentence)
    for sentence in health.problems:
        click.echo(sentence, err=True)
    if health.problems:
        raise click.exceptions.Exit(FAILURE)
    if output != "json":
        click.echo("alive" if live else "ready")
