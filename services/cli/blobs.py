"""`mailferry blobs sweep`: blobs that nobody needs any more are cleared away now."""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.operator_context import operator_context
from services.cli.options import config_file
from services.cli.running import execute
from services.relay.maintenance.blob_sweep import MIN_AGE, BlobSweep, SweepResult
from shared.config import Configuration, load
from shared.model.duration import seconds, written

SHORTEST = 3600.0


@click.group("blobs")
def blobs_group() -> None:
    """Look after the raw mails that are kept."""


@blobs_group.command("sweep")
@config_file
@click.option(
    "--older-than", default=written(MIN_AGE), show_default=True, metavar="DURATION", help="At least an hour."
)
def sweep(path: Path, older_than: str) -> None:
    """Remove old blobs that no mail needs any more; parked mail and mail on its way is never touched.

    The relays do it by themselves every few hours.
    """
    age = _age(older_than)
    swept = execute(lambda: _swept(load(path, os.environ), age))
    click.echo(f"{swept.removed} removed, {swept.leftovers} unfinished removed, {swept.needed} needed.")


async def _swept(configuration: Configuration, age: float) -> SweepResult:
    async with operator_context(configuration) as archive:
        return await BlobSweep(archive.blobs, archive.maintenance, archive.clock, age).sweep_once()


def _age(text: str) -> float:
    try:
        age = seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None
    if age < SHORTEST:
        raise click.BadParameter(
            "a blob younger than an hour may just be being stored", param_hint="--older-than"
        )
    return age
