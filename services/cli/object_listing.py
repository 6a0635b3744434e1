"""`mailferry tenant|target|account list` and `show`, and how an object is written."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import click

from services.cli.options import config_file
from services.cli.output import DASH, Column, Row, cell, console, iso, print_noted, write_json
from services.cli.running import operate
from shared.config import load
from shared.config.toml_values import toml_text
from shared.model.spec import Kind, Manager
from shared.operations.context import OperatorContext
from shared.operations.objects import ObjectFilter, Page, Shown, objects_of
from shared.operations.objects.naming import find_id
from shared.operations.wording import moment

PAGE = 500
COLUMNS = (
    Column("id", "Name", whole=True),
    Column("state", "State", whole=True),
    Column("server", "Server", whole=True),
    Column("managed_by", "Managed by", whole=True, optional=True),
)
SERVER_KEYS = ("source", "url", "provider")
TITLE_WIDTH = 12

list_output = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "name"]),
    default="table",
    show_default=True,
    help="How to write the result; name writes one name in each line.",
)


def list_command(kind: Kind) -> click.Command:
    """Return the command that lists the objects of a kind."""

    @click.command("list", short_help=f"List {kind.value}s.")
    @config_file
    @click.option("--tenant", help="Only those of this tenant.")
    @click.option("--enabled/--disabled", default=None, help="Only those that are enabled, or are not.")
    @click.option("--managed-by", type=click.Choice([each.value for each in Manager]), help="Only those.")
    @click.option("--target", help="Only accounts of this target.", hidden=kind is not Kind.ACCOUNT)
    @list_output
    def command(
        path: Path,
        tenant: str | None,
        enabled: bool | None,
        managed_by: str | None,
        target: str | None,
        output: str,
    ) -> None:
        """List the objects in the registry, by name. State tells whether they are used; `mailferry status`
        tells how they do.
        """
        only = ObjectFilter(
            tenant=tenant,
            target=target,
            enabled=enabled,
            managed_by=None if managed_by is None else Manager(managed_by),
        )
        found = operate(load(path, os.environ), partial(listed, kind, only))
        if output == "json":
            write_json([as_json(each) for each in found])
        elif output == "name":
            for each in found:
                click.echo(each.id)
        elif not found:
            click.echo(f"There is no {kind.value}.")
        else:
            print_noted(console(), [_row(each) for each in found], COLUMNS, "problem", "Problem")

    return command


def show_command(kind: Kind) -> click.Command:
    """Return the command that shows one object."""

    @click.command("show", short_help=f"Show a {kind.value}: its keys and secrets' dates.")
    @config_file
    @click.argument("name")
    @list_output
    def command(path: Path, name: str, output: str) -> None:
        """Show an object with its keys. A secret is never shown, but when it was set."""

        async def read(context: OperatorContext) -> Shown:
            return await objects_of(context).show(kind, await find_id(kind, name, context))

        write_object(operate(load(path, os.environ), read), output)

    return command


def as_json(shown: Shown) -> dict[str, Any]:
    """Return an object for programs; these keys are public."""
    return {
        "kind": shown.kind.value,
        "id": shown.id,
        "tenant": shown.tenant or None,
        "state": shown.state.value,
        "problem": shown.problem,
        "keys": dict(shown.keys),
        "secrets": {name: iso(at) for name, at in shown.secrets.items()},
        "target": shown.target,
        "revision": shown.revision,
        "managed_by": shown.managed_by.value,
        "origin": shown.origin,
        "created_at": iso(shown.created_at),
        "changed_at": iso(shown.changed_at),
    }


async def listed(kind: Kind, only: ObjectFilter, context: OperatorContext) -> list[Shown]:
    """All objects that are asked for, page by page."""
    objects, after = objects_of(context), ""
    found: list[Shown] = []
    while True:
        page: Page = await objects.list(kind, only, after=after, limit=PAGE)
        found += page.objects
        if page.after is None:
            return found
        after = page.after


def _row(shown: Shown) -> Row:
    server = next((shown.keys[key] for key in SERVER_KEYS if key in shown.keys), None)
    return {
        "id": shown.id,
        "state": shown.state.value,
        "server": server,
        "managed_by": shown.origin if shown.managed_by is Manager.FILE else shown.managed_by.value,
        "problem": shown.problem,
    }


def write_changed(shown: Shown, what: str, output: str) -> None:
    """Write that an object was changed, and why it cannot be used if that is so."""
    if output == "table":
        click.echo(f"{shown.kind.value} {shown.id} {what}")
        if shown.problem is not None:
            click.echo(f"It cannot be used: {shown.problem}", err=True)
    else:
        write_object(shown, output)


def write_object(shown: Shown, output: str) -> None:
    """Write an object with its keys, and when its secrets were set."""
    if output == "json":
        write_json(as_json(shown))
        return
    if output == "name":
        click.echo(shown.id)
        return
    screen = console()
    by = shown.origin if shown.managed_by is Manager.FILE else f"{shown.managed_by.value} ({shown.origin})"
    facts = [
        (shown.kind.value.title(), shown.id),
        ("State", shown.state.value if shown.problem is None else f"{shown.state.value}: {shown.problem}"),
        ("Managed by", by),
        ("Revision", f"{shown.revision}, {moment(shown.changed_at)} UTC"),
        *((name, f"set on {moment(at)} UTC") for name, at in sorted(shown.secrets.items())),
        *((key, toml_text(value)) for key, value in sorted(shown.keys.items()) if key != "name"),
    ]
    width = max(TITLE_WIDTH, *(len(title) + 1 for title, _ in facts))
    for title, value in facts:
        screen.print(cell(f"{title:<{width}}"), cell(value or DASH), sep="", soft_wrap=True)
