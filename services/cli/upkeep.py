"""`mailferry db`, `mailferry topology` and `mailferry blobs`: setting up and cleaning."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from services.cli.options import config_file, output
from services.cli.output import write_json, write_result
from services.cli.progress import progress
from services.cli.running import execute, operate
from services.relay.maintenance.blob_sweep import MIN_AGE, BlobSweep
from shared.config import load
from shared.model.duration import seconds, written
from shared.operations.copying import copy_installation
from shared.operations.upkeep import (
    BlobsTooYoung,
    Topology,
    apply_topology,
    check_topology,
    schema_revision,
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
@output
def upgrade_schema(path: Path, output: str) -> None:
    """Bring the schema up to what this Mailferry needs.

    Nothing is done if it is up to date.
    """
    configuration = load(path, os.environ)
    with progress() as display:
        execute(lambda: upgrade_database(configuration, display))
    facts = {"revision": schema_revision()}
    write_result(output, "The database's schema is up to date.", facts)


@db_group.command("copy")
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
@click.argument("target", metavar="TO", type=click.Path(path_type=Path))
@output
def copy(source: Path, target: Path, output: str) -> None:
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
    if output == "json":
        write_json({"rows": copied.rows, "fetched_again": copied.lost})
        return
    click.echo(f"{copied.rows} rows copied.")
    if copied.lost:
        click.echo(f"{counted(copied.lost, 'mail')} in flight will be fetched again.")
    click.echo(f"Start Mailferry with {target} now, and do not start it with {source} again.")


@click.group("topology")
def topology_group() -> None:
    """Set up the queues on RabbitMQ."""


@topology_group.command("apply")
@config_file
@output
def apply(path: Path, output: str) -> None:
    """Declare the exchange and the queues that are missing.

    Existing ones are left as they are.
    """
    configuration = load(path, os.environ)
    plan = execute(lambda: apply_topology(configuration))
    sentence = f"Exchange {plan.exchange} and {len(plan.queues)} queues are in place."
    write_result(output, sentence, _topology_facts(plan))


@topology_group.command("check")
@config_file
@output
def check(path: Path, output: str) -> None:
    """Show what is missing or different on the broker.

    Nothing is changed. Exit code 1 if anything is missing or different, 75 if the broker cannot be reached.
    """
    configuration = load(path, os.environ)
    found = execute(lambda: check_topology(configuration))
    plan = found.topology
    if output == "json":
        write_json({**_topology_facts(plan), "problems": found.problems})
    for problem in () if output == "json" else found.problems:
        click.echo(problem)
    if found.problems:
        raise click.exceptions.Exit(FAILURE)
    if output != "json":
        click.echo(f"Exchange {plan.exchange} and {len(plan.queues)} queues are as they have to be.")


def _topology_facts(plan: Topology) -> Mapping[str, object]:
    return {"exchange": plan.exchange, "queues": [each.name for each in plan.queues]}


@click.group("blobs")
def blobs_group() -> None:
    """Look after the raw mails that are kept in blobs."""


@blobs_group.command("sweep")
@config_file
@click.option(
    "--older-than", default=written(MIN_AGE), show_default=True, metavar="DURATION", help="At least an hour."
)
@output
def sweep(path: Path, older_than: str, output: str) -> None:
    """Remove old blobs that no mail needs any more. Mail that is parked or not settled keeps its blob.

    The relays do this by themselves every hour.
    """
    age = _age(older_than)
    try:
        swept = operate(load(path, os.environ), lambda context: sweep_blobs(context, age, BlobSweep))
    except BlobsTooYoung as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None
    sentence = f"{swept.removed} removed, {swept.unfinished} unfinished removed, {swept.needed} needed."
    write_result(output, sentence, asdict(swept))


def _age(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None
