"""`mailferry epoch`: whether the database was restored from a backup, and whether deletion is allowed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.options import config_file, output
from services.cli.output import write_json, write_result
from services.cli.running import operate
from shared.config import load
from shared.operations.epoch import confirm_epoch, current_epoch
from shared.operations.wording import moment
from shared.runtime.backup_marker import pause_sentence


@click.group("epoch", short_help="Show whether the database was restored; allow deletion again.")
def epoch_group() -> None:
    """A restored database begins a new epoch: nothing is deleted at the sources until you confirm it."""


@epoch_group.command("show")
@config_file
@output
def show(path: Path, output: str) -> None:
    """Show the epoch in force, and whether deletion is paused."""
    epoch = operate(load(path, os.environ), current_epoch)
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
    click.echo(f"Epoch {epoch.number}{since}: {pause_sentence(epoch) or 'deletion is allowed'}.")


@epoch_group.command("confirm")
@config_file
@click.option("--yes", is_flag=True, help="Do not ask.")
@output
def confirm(path: Path, yes: bool, output: str) -> None:
    """Allow deletion at the sources again.

    It is paused after a database was restored. A mail that the database holds as settled is deleted where
    the source still shows that very mail. Mail that was settled after the backup was made is fetched and
    delivered a second time.
    """
    configuration = load(path, os.environ)
    epoch = operate(configuration, current_epoch)
    if epoch.paused_since is None:
        sentence = f"Epoch {epoch.number}: deletion is allowed; there is nothing to confirm."
        write_result(output, sentence, {"epoch": epoch.number, "confirmed": False})
        return
    if not yes:
        click.confirm(f"{epoch.reason}. Allow deletion by what this database says?", abort=True, err=True)
    confirmed = operate(configuration, confirm_epoch)
    sentence = f"Epoch {confirmed.number}: deletion is allowed."
    write_result(output, sentence, {"epoch": confirmed.number, "confirmed": True})
