"""`mailferry pause` and `mailferry resume`: what is on hold is not visited, until it is resumed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from services.cli.naming import account_ids
from services.cli.operator_context import operator_context
from services.cli.options import config_file, output
from services.cli.output import write_json
from services.cli.running import execute
from shared.config import Configuration, load
from shared.model.errors import quoted
from shared.ports.store import EVERYTHING, covers

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


@dataclass(frozen=True, slots=True)
class Change:
    """The accounts that were `changed`; those to be paused that were so `already`, and those that are
    `unscheduled`, which the pause holds all the same; the scopes of wider pauses that hold what was to be
    resumed.
    """

    changed: Sequence[str]
    already: Sequence[str] = ()
    unscheduled: Sequence[str] = ()
    still_held: Sequence[str] = ()


def _change(path: Path, names: Sequence[str], *, everything: bool, output: str, resume: bool) -> None:
    configuration = load(path, os.environ)
    wanted = scopes(configuration, names, everything=everything)
    change = execute(lambda: (_resumed if resume else _paused)(configuration, wanted))
    if output == "json":
        more = {} if resume else {"already_paused": change.already, "not_scheduled": change.unscheduled}
        write_json({"changed": change.changed, **more, "still_paused_by": change.still_held})
        return
    done = "resumed" if resume else "paused"
    click.echo(f"{_counted(change.changed)} {done}{'' if resume else _unchanged(change)}")
    for scope in change.still_held:
        click.echo(f"still paused: {_described(scope)}", err=True)


async def _paused(configuration: Configuration, wanted: Sequence[str]) -> Change:
    async with operator_context(configuration) as archive:
        before = await archive.store.pauses()
        changed: list[str] = []
        for scope in wanted:
            changed += await archive.store.pause_scope(scope, archive.clock.now())
        scheduled = {each.account for each in await archive.store.account_summaries()}
    meant = [each for each in configuration.accounts if any(covers(scope, each) for scope in wanted)]
    already = [each for each in meant if any(pause.holds(each) for pause in before)]
    known = {*scheduled, *already}
    return Change(changed, already, [each for each in meant if each not in known])


async def _resumed(configuration: Configuration, wanted: Sequence[str]) -> Change:
    async with operator_context(configuration) as archive:
        changed: list[str] = []
        for scope in wanted:
            changed += await archive.store.resume_scope(scope, archive.clock.now())
        held = await archive.store.pauses()
    still_held = [pause.scope for pause in held if any(pause.holds(scope) for scope in wanted)]
    return Change(changed, still_held=still_held)


def _unchanged(change: Change) -> str:
    """What has to be said of accounts that a pause did not change."""
    said = ""
    if change.already:
        said += f"; {_counted(change.already)} {_be(change.already, 'was', 'were')} paused already"
    if change.unscheduled:
        be = _be(change.unscheduled, "is", "are")
        said += f"; {_counted(change.unscheduled)} that {be} not scheduled yet {be} on hold"
    return said if said or change.changed else "; accounts that are scheduled later are held, too"


def _be(accounts: Sequence[str], one: str, several: str) -> str:
    return one if len(accounts) == 1 else several


def _counted(accounts: Sequence[str]) -> str:
    return "1 account" if len(accounts) == 1 else f"{len(accounts)} accounts"


def _described(scope: str) -> str:
    if scope == EVERYTHING:
        return "everything; resume it by --all"
    return f"the tenant {scope}" if scope.endswith("/") else scope
