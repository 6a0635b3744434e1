"""`mailferry pause` and `mailferry resume`: what is paused is not visited until it is resumed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from services.cli.naming import account_ids, has_tenant
from services.cli.options import config_file, output
from services.cli.output import write_json
from services.cli.running import operate
from shared.config import Configuration, load
from shared.model.errors import quoted
from shared.operations.pausing import EVERYTHING, PauseChange
from shared.operations.pausing import pause as pause_scopes
from shared.operations.pausing import resume as resume_scopes
from shared.operations.wording import counted

names_argument = click.argument("names", nargs=-1, metavar="[ACCOUNT|TENANT/]...")
all_option = click.option(
    "--all", "everything", is_flag=True, help="Everything, accounts that are added later included."
)


@click.command(
    short_help="Stop visiting accounts, tenants or everything.",
    epilog="Mail that was fetched before is still delivered; nothing new is fetched. Visits under way end "
    "within seconds. The pause is kept in the database until `mailferry resume`.",
)
@config_file
@names_argument
@all_option
@output
def pause(path: Path, names: Sequence[str], everything: bool, output: str) -> None:
    """Stop visiting accounts, whole tenants (TENANT/) or everything."""
    configuration = load(path, os.environ)
    scopes = _scopes(configuration, names, everything=everything)
    change = operate(configuration, lambda context: pause_scopes(context, scopes))
    if output == "json":
        write_json(
            {
                "changed": change.changed,
                "already_paused": change.already,
                "not_scheduled": change.unscheduled,
                "still_paused_by": (),
            }
        )
        return
    click.echo(f"{_accounts(change.changed)} paused{_unchanged(change)}")


@click.command(
    short_help="Visit paused accounts, tenants or everything again.",
    epilog="The accounts are due at once. What a wider pause holds stays paused.",
)
@config_file
@names_argument
@all_option
@output
def resume(path: Path, names: Sequence[str], everything: bool, output: str) -> None:
    """Visit accounts, tenants (TENANT/) or everything again."""
    configuration = load(path, os.environ)
    scopes = _scopes(configuration, names, everything=everything)
    change = operate(configuration, lambda context: resume_scopes(context, scopes))
    if output == "json":
        write_json({"changed": change.changed, "still_paused_by": change.still_paused_by})
        return
    click.echo(f"{_accounts(change.changed)} resumed")
    for scope in change.still_paused_by:
        click.echo(f"still paused: {_described(scope)}", err=True)


def _scopes(configuration: Configuration, names: Sequence[str], *, everything: bool) -> list[str]:
    """Return what the command line names. Raises `click.UsageError`."""
    if everything == bool(names):
        raise click.UsageError("Name accounts or tenants (TENANT/), or give --all.")
    if everything:
        return [EVERYTHING]
    for name in names:
        if name.endswith("/") and not has_tenant(configuration, name.removesuffix("/")):
            raise click.UsageError(f'There is no tenant "{quoted(name.removesuffix("/"))}".')
    return [name if name.endswith("/") else account_ids(configuration, [name])[0] for name in names]


def _unchanged(change: PauseChange) -> str:
    """What to say of accounts that the pause did not change."""
    parts = ""
    if change.already:
        parts += f"; {_accounts(change.already)} {_be(change.already, 'was', 'were')} paused already"
    if change.unscheduled:
        be = _be(change.unscheduled, "is", "are")
        parts += f"; {_accounts(change.unscheduled)} that {be} not scheduled yet {be} paused, too"
    return parts if parts or change.changed else "; accounts that are added later are paused, too"


def _be(accounts: Sequence[str], one: str, several: str) -> str:
    return one if len(accounts) == 1 else several


def _accounts(accounts: Sequence[str]) -> str:
    return counted(len(accounts), "account")


def _described(scope: str) -> str:
    if scope == EVERYTHING:
        return "everything; resume it with --all"
    return f"the tenant {scope}" if scope.endswith("/") else scope
