"""`mailferry apply`: brings the tenants, targets and accounts of a file into the registry."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from services.cli.options import config_file, output
from services.cli.output import Column, console, print_table, write_json
from services.cli.progress import progress
from services.cli.running import execute
from shared.config import load
from shared.operations.applying import Action, Applied, apply_file
from shared.operations.wording import counted

COLUMNS = (
    Column("change", "Change", whole=True),
    Column("object", "Object", whole=True),
    Column("keys", "Keys"),
)
MOST_SHOWN = 50
"""Objects in the table; a file may have a hundred thousand. JSON has them all."""


@click.command(
    short_help="Bring the tenants, targets and accounts of a file into the registry.",
    epilog="`mailferry run` and `mailferry once` apply their own file when they start, and `run` on HUP. A "
    "changed account is visited at once. What an earlier file had and this one has not is disabled, while "
    "its mail in custody is finished. With --prune it is removed.",
)
@config_file
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--prune", is_flag=True, help="Remove what the file has no more, instead of disabling it.")
@output
def apply(path: Path, dry_run: bool, prune: bool, output: str) -> None:
    """Bring the tenants, targets and accounts of a file into the registry."""
    configuration = load(path, os.environ)
    with progress() as display:
        applied = execute(lambda: apply_file(configuration, prune=prune, dry_run=dry_run, progress=display))
    if output == "json":
        write_json([each._asdict() for each in applied])
        return
    if applied:
        rows = [
            {
                "change": each.action.value,
                "object": f"{each.kind.value} {each.id}",
                "keys": ", ".join(each.keys),
            }
            for each in applied[:MOST_SHOWN]
        ]
        print_table(console(), rows, COLUMNS)
    click.echo(_summary(applied, path, dry_run=dry_run))


def _summary(applied: Sequence[Applied], path: Path, *, dry_run: bool) -> str:
    counts = Counter(each.action for each in applied)
    if not counts:
        return f"{path}: the registry has all of it; nothing to change"
    told = ", ".join(f"{counts[action]} {action.value}" for action in Action if counts[action])
    hidden = len(applied) - MOST_SHOWN
    more = f" ({counted(hidden, 'object')} not shown)" if hidden > 0 else ""
    return f"{path}: {told}{more}" + ("; nothing was written (--dry-run)" if dry_run else "")
