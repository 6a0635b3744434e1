"""`mailferry parked export`: the raw mail, into a file or a Maildir."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from services.cli.mail_file import mail_file, maildir_file
from services.cli.options import config_file
from services.cli.parked_choice import mail_argument
from services.cli.running import operate
from shared.config import load
from shared.operations.context import OperatorContext
from shared.operations.parked import find_parked, read_raw_mail


@click.command("export")
@config_file
@mail_argument
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), required=False)
@click.option(
    "--maildir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Put it into this Maildir, which is made if it is missing.",
)
def export(path: Path, mail: str, file: Path | None, maildir: Path | None) -> None:
    """Write the raw mail to FILE, a Maildir, or standard output.

    The mail is written as it was fetched, and stays parked. An existing FILE is not overwritten; only its
    owner may read the new one.
    """
    if file is not None and maildir is not None:
        raise click.UsageError("Name a file or a Maildir, not both.")

    async def copy(context: OperatorContext) -> None:
        message = await find_parked(context, mail)
        pieces = read_raw_mail(context, message)
        first = await anext(pieces, b"")
        with _opened(file, maildir, message.id) as sink:
            sink.write(first)
            async for piece in pieces:
                sink.write(piece)

    operate(load(path, os.environ), copy)


def _opened(file: Path | None, maildir: Path | None, message: str) -> AbstractContextManager[BinaryIO]:
    if maildir is not None:
        return maildir_file(maildir, message)
    if file is not None and file != Path("-"):
        return mail_file(file)
    return nullcontext(sys.stdout.buffer)
