"""`mailferry explain`: who would get a mail, and why, without fetching or delivering anything."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click

from services.cli.explanation import as_json, tell
from services.cli.naming import account_ids
from services.cli.options import config_file, output
from services.cli.output import console, write_json
from services.router.identity import identify
from services.router.letter import examine
from shared.model.account import Account
from shared.ops.config import load

UNIQUE = "unique"
"""The identity of a mail where duplicates are not looked for."""


@click.command(short_help="Tell who would get a mail, and why.")
@config_file
@click.argument("files", metavar="FILE...", type=click.File("rb"), nargs=-1, required=True)
@click.option(
    "--account", required=True, metavar="ACCOUNT", help="The account that it would be fetched from."
)
@output
def explain(path: Path, files: Sequence[BinaryIO], account: str, output: str) -> None:
    """Tell who would get the mail in each FILE (- for standard input), and why.

    With --output json, one FILE gives one object, several give a list.
    """
    configuration = load(path, os.environ)
    (name,) = account_ids(configuration, [account])
    chosen = configuration.accounts[name]
    if output == "json":
        explained = [_explained(chosen, file.read()) for file in files]
        write_json(explained[0] if len(files) == 1 else explained)
        return
    screen = console()
    for number, file in enumerate(files):
        if number:
            screen.print()
        raw = file.read()
        examination = examine(raw, chosen, time.time())
        tell(screen, chosen, examination, identify(raw, examination.header, chosen.routing.dedup, UNIQUE))


def _explained(account: Account, raw: bytes) -> dict[str, object]:
    examination = examine(raw, account, time.time())
    return as_json(account, examination, identify(raw, examination.header, account.routing.dedup, UNIQUE))
