"""`mailferry epoch`: whether the database was restored from a backup, and whether deletion goes on."""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.operator_context import OperatorContext, operator_context
from services.cli.options import config_file, output
from services.cli.output import moment, write_json
from services.cli.running import execute
from shared.config import Configuration, load
from shared.ports.store import Epoch
from shared.runtime.backup_marker import (
    pause_sentence,
    read_backup_marker,
    sign_of_restore,
    write_backup_marker,
)


@click.group("epoch", short_help="See whether the database was restored, and allow deletion again.")
def epoch_group() -> None:
    """A restored database begins a new epoch, in which nothing is deleted at the sources until it is
    confirmed.
    """


@epoch_group.command("show")
@config_file
@output
def show(path: Path, output: str) -> None:
    """Tell which epoch is in force and whether deletion is paused."""
    epoch = execute(lambda: _compared(load(path, os.environ)))
    if output == "json":
        write_json(
            {
                "epoch": epoch.number,
                "mark": epoch.mark,
                "paused_since": epoch.paused_since,
                "reason": epoch.reason,
            }
        )
        return
    since = f" since {moment(epoch.paused_since)} UTC" if epoch.paused_since is not None else ""
    click.echo(f"Epoch {epoch.number}{since}: {pause_sentence(epoch) or 'deletion goes on'}.")


@epoch_group.command("confirm")
@config_file
@click.option("--yes", is_flag=True, help="Do not ask.")
def confirm(path: Path, yes: bool) -> None:
    """Allow deletion at the sources again, after a database was restored.

    What the database holds as settled will be deleted where the source still shows that very mail. Mail
    that was settled after the backup was made is fetched and delivered a second time.
    """
    configuration = load(path, os.environ)
    epoch = execute(lambda: _compared(configuration))
    if epoch.paused_since is None:
        click.echo(f"Epoch {epoch.number}: deletion goes on; there is nothing to confirm.")
        return
    if not yes:
        click.confirm(f"{epoch.reason}. Allow deletion by what this database says?", abort=True, err=True)
    confirmed = execute(lambda: _confirmed(configuration))
    click.echo(f"Epoch {confirmed.number}: deletion goes on.")


async def _compared(configuration: Configuration) -> Epoch:
    """The epoch, after a look at the witness, should nobody else have looked yet."""
    async with operator_context(configuration) as archive:
        return await _looked(archive)


async def _looked(archive: OperatorContext) -> Epoch:
    witness = await read_backup_marker(archive.blobs)
    epoch = await archive.store.epoch()
    reason = sign_of_restore(epoch, witness)
    return epoch if reason is None else await archive.store.pause_deletion(reason, archive.clock.now())


async def _confirmed(configuration: Configuration) -> Epoch:
    async with operator_context(configuration) as archive:
        witness = await read_backup_marker(archive.blobs)
        epoch = await archive.store.confirm_epoch(witness.mark if witness else 0)
        await write_backup_marker(archive.blobs, epoch)
        return epoch
