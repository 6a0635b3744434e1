"""`mailferry pause` and `mailferry resume`: what is on hold is not visited, until it is resumed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from services.cli.naming import account_ids
from services.cli.opening import desk
from services.cli.options import config_file, output
from services.cli.output import write_json
from services.cli.running import execute
from shared.model.errors import quoted
from shared.ops.config import Configuration, load
from shared.ports.store import EVERYTHING

names = click.argument("names", nargs=-1, metavar="[ACCOUNT|TENANT/]...")
everything = click.option("--all", "everything", is_flag=True, help="Everything, later accounts included.")


@click.command(
    epilog="Mail that was fetched before is delivered all the same; nothing new is fetched. Visits under way "
    "end within seconds. The pause is kept in the database until `mailferry resume`."
)
@config_file
@names
@everything
@output
def pause(path: Path, names: Sequence[str], everything: bool, output: str) -> None:
    """Put accounts, whole tenants (TENANT/) or everything on hold."""
    _change(path, names, everything=everything, output=output, resume=False)


@click.command(epilog="The accounts are due at once. What a wider pause holds stays on hold.")
@config_file
@names
@everything
@output
def resume(path: Path, names: Sequence[str], everything: bool, output: str) -> None:
    """Let accounts, tenants (TENANT/) or everything go on."""
    _change(path, names, everything=everything, output=output, resume=True)


def scopes(configuration: Configuration, names: Sequence[str], *, everything: bool) -> list[str]:
    """What is meant on the command line. Raises `click.UsageError`."""
    if everything == bool(names):
        raise click.UsageError("Name accounts or tenants (TENANT/), or say --all.")
    if everything:
        return [EVERYTHING]
    tenants = {account.tenant for account in configuration.accounts.values()}
    for name in names:
        if name.endswith("/") and name.removesuffix("/") not in tenants:
            raise click.UsageError(f'There is no tenant "{quoted(name.removesuffix("/"))}".')
    return [name if name.endswith("/") else account_ids(configuration, [name])[0] for name in names]


def _change(path: Path, names: Sequence[str], *, everything: bool, output: str, resume: bool) -> None:
    configuration = load(path, os.environ)
    wanted = scopes(configuration, names, everything=everything)
    changed, still_held = execute(lambda: _changed(configuration, wanted, resume=resume))
    if output == "json":
        write_json({"changed": changed, "still_paused_by": still_held})
        return
    done = "resumed" if resume else "paused"
    count = "1 account" if len(changed) == 1 else f"{len(changed)} accounts"
    click.echo(f"{count} {done}")
    for scope in still_held:
        click.echo(f"still paused: {_described(scope)}", err=True)


async def _changed(
    configuration: Configuration, wanted: Sequence[str], *, resume: bool
) -> tuple[list[str], list[str]]:
    """The accounts that were changed, and the wider pauses that hold what was to be resumed."""
    async with desk(configuration) as archive:
        now = archive.clock.now()
        changed: list[str] = []
        for scope in wanted:
            change = archive.store.resume if resume else archive.store.pause
            changed += await change(scope, now)
        held = await archive.store.pauses() if resume else []
    return changed, [pause.scope for pause in held if any(pause.holds(scope) for scope in wanted)]


def _described(scope: str) -> str:
    if scope == EVERYTHING:
        return "everything; resume it by --all"
    return f"the tenant {scope}" if scope.endswith("/") else scope
