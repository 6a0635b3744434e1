"""`mailferry secrets`: the keys under which the passwords in the database are sealed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from services.cli.options import config_file, output
from services.cli.output import Column, console, print_table, write_json
from services.cli.running import execute, operate
from shared.config import load
from shared.operations.secrets import (
    KeyRole,
    KeyState,
    Progress,
    Rotation,
    key_states,
    make_first_key,
    rotate_keys,
)
from shared.operations.wording import counted
from shared.runtime.checkpoints import arm
from shared.runtime.exit_codes import FAILURE

COLUMNS = (
    Column("id", "Key", whole=True),
    Column("role", "Use"),
    Column("secrets", "Secrets", number=True),
    Column("place", "In"),
)
MOST_SENTENCES = 20
"""About secrets that cannot be opened: as one key is missing, thousands may read alike."""


@click.group("secrets", short_help="Make, show and change the keys of stored passwords.")
def secrets_group() -> None:
    """The keys under which the passwords in the database are sealed (docs/secrets.md)."""


@secrets_group.command("init")
@config_file
def init(path: Path) -> None:
    """Make the key of a new installation.

    A key that is there is left as it is. With SQLite the first start makes the key by itself.
    """
    made = execute(lambda: make_first_key(load(path, os.environ)))
    click.echo(f"Key {made.key} is in {made.file}.")
    if not made.is_configured:
        click.echo(f'Name it in {path}:\n\n[secrets]\nkey_file = "{made.file}"\n')
    if os.geteuid() == 0:
        click.echo(f"Give it to the user who runs Mailferry: chown mailferry {made.file}")
    click.echo(
        "Copy it to every other machine that works with this database, with mode 0600. Keep a copy apart "
        "from the backups of the database: without the key, the passwords in it cannot be read."
    )


@secrets_group.command("status", epilog="Exit code 1 if a key is missing.")
@config_file
@output
def status(path: Path, output: str) -> None:
    """Show the keys, and how many secrets are sealed under each."""
    states, problem = operate(load(path, os.environ), key_states)
    if output == "json":
        write_json([asdict(state) for state in states])
    elif not states and problem is None:
        click.echo("There is no key yet, and no secret: the first start makes the key.")
    else:
        print_table(console(), [asdict(state) for state in states], COLUMNS)
    if problem is not None:
        click.echo(problem, err=True)
    if problem is not None or any(state.role is KeyRole.MISSING for state in states):
        raise click.exceptions.Exit(FAILURE)


@secrets_group.command(
    "rotate",
    epilog="May be interrupted and run again. Exit code 1 if a secret could not be opened.",
)
@config_file
@click.option("--use", metavar="KEY", help="Use this key, which an earlier call has made, from now on.")
@output
def rotate(path: Path, use: str | None, output: str) -> None:
    """Seal all secrets under a new key while everything runs.

    Finishes a rotation that was begun; otherwise makes a new key. With PostgreSQL the new key is used only by
    a second call with --use, as every machine needs the file first.
    """
    configuration = load(path, os.environ)
    arm(os.environ)
    with _progress() as report:
        done = operate(configuration, lambda context: rotate_keys(context, use, report))
    if output == "json":
        write_json(asdict(done))
        raise click.exceptions.Exit(FAILURE if done.unreadable else 0)
    if done.is_prepared:
        click.echo(
            f"Key {done.key} was added to {done.made_in}. Copy that file to every other machine that works "
            f"with this database. Then run: mailferry secrets rotate --use {done.key}"
        )
        return
    _show(done)
    if done.unreadable:
        raise click.exceptions.Exit(FAILURE)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show on a terminal how far the rotation is."""
    screen = console(error=True)
    with screen.status("Sealing") as line:
        yield lambda done, total: line.update(f"Sealing: {done} of {counted(total, 'secret')}")


def _show(done: Rotation) -> None:
    made = f", which was made in {done.made_in}" if done.made_in is not None else ""
    click.echo(f"{counted(done.resealed, 'secret')} sealed anew under the key {done.key}{made}.")
    for sentence in done.unreadable[:MOST_SENTENCES]:
        click.echo(sentence, err=True)
    if len(done.unreadable) > MOST_SENTENCES:
        click.echo(f"{len(done.unreadable) - MOST_SENTENCES} more secrets could not be opened", err=True)
    for state in done.needed:
        click.echo(f"Key {_named(state)} is still needed, for {counted(state.secrets, 'secret')}.")
    if done.unneeded:
        click.echo(
            f"No secret needs {', '.join(map(_named, done.unneeded))} any more. Keep such a key as long as "
            "you keep backups of the database from before."
        )


def _named(state: KeyState) -> str:
    return f"{state.id} ({state.place})" if state.place else state.id
