"""`mailferry tenant|target|account`: list, show, add, change and remove objects of the registry."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from services.cli.options import config_file
from services.cli.output import DASH, Column, Row, cell, console, iso, print_table, write_json
from services.cli.running import operate
from shared.config import Configuration, load
from shared.config.environment import typed_value
from shared.config.object_keys import ARRAY, absolute
from shared.config.secrets import GivenSecret, UnusableSecret, read_secret
from shared.config.settings import ARRAYS
from shared.config.specs import SECRET_KEYS
from shared.config.toml_values import toml_text
from shared.config.urls import without_url_password
from shared.model.spec import Kind, Manager
from shared.operations.context import OperatorContext
from shared.operations.objects import Actor, ObjectFilter, Objects, Page, Shown, objects_of
from shared.operations.objects.naming import find_id
from shared.operations.wording import moment

T = TypeVar("T")

PAGE = 500
COLUMNS = (
    Column("id", "Name", whole=True),
    Column("state", "State", whole=True),
    Column("server", "Server"),
    Column("managed_by", "Managed by", whole=True, optional=True),
    Column("problem", "Problem", optional=True),
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
revision_option = click.option(
    "--revision", type=int, help="Refuse if the object is not of this revision any more (see show)."
)
keys_argument = click.argument("keys", nargs=-1, metavar="[KEY=VALUE]...")
secret_option = click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="KEY=FILE",
    help='Read a secret, such as "password", from a file, or from standard input with KEY=-. It is stored '
    "encrypted. Repeatable.",
)


def actor() -> Actor:
    """Return who runs the command."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return Actor(Manager.COMMAND, os.environ.get("SUDO_USER") or user)


def change_objects(configuration: Configuration, operation: Callable[[Objects], Awaitable[T]]) -> T:
    """Return what an operation returns that changes the registry. Raises what it raises."""

    return operate(configuration, lambda context: operation(objects_of(context)), seals=True)


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
            print_table(console(), [_row(each) for each in found], COLUMNS)

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

        _write(operate(load(path, os.environ), read), output)

    return command


def add_command(kind: Kind) -> click.Command:
    """Return the command that adds an object by its keys."""

    @click.command("add", short_help=f"Add a {kind.value}.")
    @config_file
    @click.argument("name")
    @keys_argument
    @secret_option
    @list_output
    def command(path: Path, name: str, keys: Sequence[str], secrets: Sequence[str], output: str) -> None:
        """Add an object with these keys, which are those of the configuration file.

        For example: mailferry target add exchange url=smtp://mail.corp.example
        """
        given = {"name": name, **given_keys(kind, keys, secrets)}
        added = change_objects(load(path, os.environ), lambda objects: objects.add(kind, given, actor()))
        _write_changed(added, "added", output)

    return command


def set_command(kind: Kind) -> click.Command:
    """Return the command that changes keys of an object."""

    @click.command("set", short_help=f"Change keys of a {kind.value}.")
    @config_file
    @click.argument("name")
    @keys_argument
    @secret_option
    @click.option("--unset", multiple=True, metavar="KEY", help="Remove a key or a secret. Repeatable.")
    @revision_option
    @list_output
    def command(
        path: Path,
        name: str,
        keys: Sequence[str],
        secrets: Sequence[str],
        unset: Sequence[str],
        revision: int | None,
        output: str,
    ) -> None:
        """Change keys of an object; all others stay. It is in force from the next visit or attempt on.

        For example: mailferry account set acme/bob poll=5m retention=7d
        """
        given = {**given_keys(kind, keys, secrets), **dict.fromkeys(unset)}
        if not given:
            raise click.UsageError("Give what is to be changed: KEY=VALUE, --secret or --unset.")
        change = partial(Objects.change, keys=given, actor=actor(), expected=revision)
        _write_changed(_changed(path, kind, name, change), "changed", output)

    return command


def enable_command(kind: Kind) -> click.Command:
    """Return the command that enables objects."""
    text = f"Enable {kind.value}s that were disabled: visits and deliveries go on at once."
    return _switch_command(kind, "enable", Objects.enable, text)


def disable_command(kind: Kind) -> click.Command:
    """Return the command that disables objects."""
    whose = "" if kind is Kind.ACCOUNT else f" of the {kind.value}"
    text = (
        f"Disable {kind.value}s: the mailboxes{whose} are not visited, and mail in custody waits, until the "
        f"{kind.value} is enabled again. To go on delivering, pause instead (`mailferry pause`)."
    )
    return _switch_command(kind, "disable", Objects.disable, text)


def _switch_command(kind: Kind, word: str, switch: Callable[..., Any], text: str) -> click.Command:
    @click.command(word, short_help=f"{word.title()} {kind.value}s.", help=text)
    @config_file
    @click.argument("names", nargs=-1, required=True, metavar="NAME...")
    @list_output
    def command(path: Path, names: Sequence[str], output: str) -> None:
        change = partial(switch, actor=actor())
        for name in names:
            _write_changed(_changed(path, kind, name, change), f"{word}d", output)

    return command


def remove_command(kind: Kind) -> click.Command:
    """Return the command that removes an object."""

    @click.command("remove", short_help=f"Remove a {kind.value}.")
    @config_file
    @click.argument("name")
    @click.option("--force", is_flag=True, help="Also if it is still needed.", hidden=kind is Kind.ACCOUNT)
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @revision_option
    def command(path: Path, name: str, force: bool, yes: bool, revision: int | None) -> None:
        """Remove an object. An account is not visited any more; its mail in custody is delivered or parked
        first, and what is at its source stays there. Its spec and secrets are deleted after that.
        """
        configuration = load(path, os.environ)
        found = operate(configuration, partial(find_id, kind, name))
        if not yes:
            click.confirm(f"Remove {kind.value} {found}?", abort=True, err=True)
        change_objects(
            configuration, lambda objects: objects.remove(kind, found, expected=revision, force=force)
        )
        click.echo(f"{kind.value} {found} removed")

    return command


def given_keys(kind: Kind, keys: Sequence[str], secrets: Sequence[str]) -> dict[str, Any]:
    """Return the keys that a command line gives. Relative paths start in the working directory.

    Raises `click.UsageError`.
    """
    model = ARRAYS[ARRAY[kind]]
    given: dict[str, Any] = {}
    for each in keys:
        key, equals, text = each.partition("=")
        if not equals:
            raise click.UsageError(f'"{each}": write KEY=VALUE.')
        if key in SECRET_KEYS[kind] or without_url_password(text) is not None:
            secret = key if key in SECRET_KEYS[kind] else "password"
            raise click.UsageError(
                f'"{key}": every user of this machine can see a secret in a command line; give it by '
                f"--secret {secret}=FILE."
            )
        given[key] = typed_value(model, key, text)
    return {**absolute(given, Path.cwd()), **_read_secrets(kind, secrets)}


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


def _read_secrets(kind: Kind, secrets: Sequence[str]) -> Mapping[str, str]:
    read: dict[str, str] = {}
    for each in secrets:
        key, _, file = each.partition("=")
        if key not in SECRET_KEYS[kind] or not file:
            known = ", ".join(SECRET_KEYS[kind]) or "none"
            raise click.UsageError(f'--secret "{each}": write KEY=FILE; secrets of a {kind.value}: {known}.')
        if file == "-":
            read[key] = sys.stdin.readline().rstrip("\r\n")
            continue
        try:
            secret = read_secret(GivenSecret(key, None, Path.cwd() / file, None), os.environ)
        except UnusableSecret as problem:
            raise click.BadParameter(str(problem), param_hint="--secret") from problem
        read[key] = "" if secret is None else secret.get_secret_value()
    return read


def _changed(
    path: Path, kind: Kind, name: str, change: Callable[[Objects, Kind, str], Awaitable[Shown]]
) -> Shown:
    """Change the object that is named; return it as it is then."""
    configuration = load(path, os.environ)
    found = operate(configuration, partial(find_id, kind, name))
    return change_objects(configuration, lambda objects: change(objects, kind, found))


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


def _write_changed(shown: Shown, what: str, output: str) -> None:
    if output == "table":
        click.echo(f"{shown.kind.value} {shown.id} {what}")
        if shown.problem is not None:
            click.echo(f"It cannot be used: {shown.problem}", err=True)
    else:
        _write(shown, output)


def _write(shown: Shown, output: str) -> None:
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
