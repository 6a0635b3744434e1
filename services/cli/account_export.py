"""`mailferry account export`: accounts of the registry as a table or as TOML, without secrets."""

from __future__ import annotations

import csv
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from services.cli.object_listing import listed
from services.cli.options import config_file
from services.cli.running import operate
from shared.config import load
from shared.config.toml_values import toml_text
from shared.model.spec import Kind
from shared.operations.objects import ObjectFilter, Shown

COLUMNS = ("tenant", "name", "source", "username", "mailbox", "recipient", "target", "retention", "enabled")
"""Keys that have a column of their own in CSV, as most accounts have them."""
FIRST = ("tenant", "name", "provider", "source", "username")


@click.command("export", short_help="Write accounts as CSV or TOML, without secrets.")
@config_file
@click.option("--format", "form", type=click.Choice(["csv", "toml"]), default="toml", show_default=True)
@click.option("--tenant", help="Only those of this tenant.")
def export(path: Path, form: str, tenant: str | None) -> None:
    """Write the accounts of the registry to standard output, without secrets.

    In CSV, each key that some account has is a column. It is written as `account import --from csv` reads
    it: the parts of a list between |, and a table as in TOML.
    """
    only = ObjectFilter(tenant=tenant)
    found = operate(load(path, os.environ), partial(listed, Kind.ACCOUNT, only))
    if form == "csv":
        _write_csv(found)
    else:
        click.echo("\n".join(map(_table, found)), nl=False)


def _write_csv(found: list[Shown]) -> None:
    others = sorted({key for each in found for key in each.keys} - {*COLUMNS})
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*COLUMNS, *others])
    for each in found:
        keys = {"tenant": each.tenant, **each.keys}
        writer.writerow([_text(keys.get(key)) for key in (*COLUMNS, *others)])


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(each, str) and "|" not in each for each in value):
        return "|".join([*value, ""]) if len(value) == 1 and " " in value[0] else "|".join(value)
    return value if isinstance(value, str) else toml_text(value)


def _table(account: Shown) -> str:
    keys = {"tenant": account.tenant, **account.keys}
    order = [*(key for key in FIRST if key in keys), *sorted(keys.keys() - {*FIRST})]
    noted = [f"# {name}: set in the registry, and not exported" for name in sorted(account.secrets)]
    return "\n".join(["[[accounts]]", *noted, *(f"{key} = {toml_text(keys[key])}" for key in order), ""])
