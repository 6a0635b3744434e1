"""`mailferry db upgrade`: the database's schema."""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.operator_context import operator_context
from services.cli.options import config_file
from services.cli.running import execute
from shared.adapters.sql import upgrade
from shared.config import Configuration, load


@click.group("db")
def db_group() -> None:
    """Look after the database."""


@db_group.command("upgrade")
@config_file
def upgrade_schema(path: Path) -> None:
    """Bring the schema up to what this Mailferry needs; without effect where it is."""
    configuration = load(path, os.environ)
    upgrade(configuration.store.url.get_secret_value())
    execute(lambda: _check(configuration))
    click.echo("The database's schema is up to date.")


async def _check(configuration: Configuration) -> None:
    async with operator_context(configuration):
        pass
