"""`mailferry tenant|target|account`: add, change, enable, disable and remove objects of the registry."""

from __future__ import annotations

import getpass
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from services.cli.object_keys import given_keys, keys_argument, secret_option
from services.cli.object_listing import list_output, write_changed
from services.cli.options import config_file
from services.cli.running import operate
from shared.config import Configuration, load
from shared.model.spec import Kind, Manager
from shared.operations.objects import Actor, Objects, Shown, objects_of
from shared.operations.objects.naming import find_id

T = TypeVar("T")

revision_option = click.option(
    "--revision", type=int, help="Refuse if the object is not of this revision any more (see show)."
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
        write_changed(added, "added", output)

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
        write_changed(_changed(path, kind, name, change), "changed", output)

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
            write_changed(_changed(path, kind, name, change), f"{word}d", output)

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


def _changed(
    path: Path, kind: Kind, name: str, change: Callable[[Objects, Kind, str], Awaitable[Shown]]
) -> Shown:
    """Change the object that is named; return it as it is then."""
    configuration = load(path, os.environ)
    found = operate(configuration, partial(find_id, kind, name))
    return change_objects(configuration, lambda objects: change(objects, kind, found))
