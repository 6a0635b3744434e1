"""`mailferry db`, `mailferry topology` and `mailferry blobs`: setting up and cleaning."""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.options import config_file
from services.cli.progress import progress
from services.cli.running import execute, operate
from services.relay.maintenance.blob_sweep import MIN_AGE, BlobSweep
from shared.config import load
from shared.model.duration import seconds, written
from shared.operations.copying import copy_installation
from shared.operations.upkeep import (
    BlobsTooYoung,
    apply_topology,
    check_topology,
    sweep_blobs,
    upgrade_database,
)
from shared.operations.wording import counted
from shared.runtime.exit_codes import FAILURE

COPIED = "Rows copied"


@click.group("db")
def db_group() -> None:
    """Set up the database."""


@db_group.command("upgrade")
@config_file
def upgrade_schema(path: Path) -> None:
    """Bring the schema up to what this Mailferry needs.

    Nothing is done if it is up to date.
    """
    configuration = load(path, os.environ)
    with progress() as display:
        execute(lambda: upgrade_database(configuration, display))
    click.echo("The database's schema is up to date.")


@db_group.command("copy")
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
@click.argument("target", metavar="TO", type=click.Path(path_type=Path))
def copy(source: Path, target: Path) -> None:
    """Copy the database of one configuration file into the empty one of another.

    FROM and TO are configuration files, which name the databases: SQLite or PostgreSQL, in either direction.
    End all processes of Mailferry first, and start them with TO afterwards. All of it is copied or nothing.
    Blobs stay where they are: both files name the same ones. The key for secrets stays in its file, which
    TO has to name.
    """
    before, after = load(source, os.environ), load(target, os.environ)
    with progress() as display:
        copied = execute(
            lambda: copy_installation(before, after, lambda _table, done, total: display(COPIED, done, total))
        )
    click.echo(f"{copied.rows} rows copied.")
    if copied.lost:
        click.echo(f"{counted(copied.lost, 'mail')} in flight will be fetched again.")
    click.echo(f"Start Mailferry with {target} now, and do not start it with {source} again.")


@click.group("topology")
def topology_group() -> None:
    """Set up the queues on RabbitMQ."""


@topology_group.command("apply")
@config_file
def apply(path: Path) -> None:
    """Declare the exchange and the queues that are missing.

    Existing ones are left as they are.
    """
    configuration = load(path, os.environ)
    plan = execute(lambda: apply_topology(configuration))
    click.echo(f"Exchange {plan.exchange} and {len(plan.queues)} queues are in place.")


@topology_group.command("check")
@config_file
def check(path: Path) -> None:
    """Show what is missing or different on the broker.

    Nothing is changed. Exit code 1 if anything is missing or different, 75 if the broker cannot be reached.
    """
    configuration = load(path, os.environ)
    found = execute(lambda: check_topology(configuration))
    for problem in found.problems:
        click.echo(problem)
    if found.problems:
        raise click.exceptions.Exit(FAILURE)
    plan = found.topology
    click.echo(f"Exchange {plan.exchange} and {len(plan.queues)} queues are as they have to be.")


@click.group("blobs")
def blobs_group() -> None:
    """Look after the raw mails that are kept in blobs."""


@blobs_group.command("sweep")
@config_file
@click.option(
    "--older-than", default=written(MIN_AGE), show_default=True, metavar="DURATION", help="At least an hour."
)
def sweep(path: Path, older_than: str) -> None:
    """Remove old blobs that no mail needs any more. Mail that is parked or not settled keeps its blob.

    The relays do this by themselves every hour.
    """
    age = _age(older_than)
    try:
        swept = operate(load(path, os.environ), lambda context: sweep_blobs(context, age, BlobSweep))
    except BlobsTooYoung as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None
    click.echo(f"{swept.removed} removed, {swept.unfinished} unfinished removed, {swept.needed} needed.")


def _age(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None
