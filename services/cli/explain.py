"""`mailferry explain`: who would get a mail, and why, without fetching or delivering anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import click
from rich.text import Text

from services.cli.naming import account_ids
from services.cli.options import config_file, output
from services.cli.output import cell, console, write_json
from services.router.evidence import own_address
from services.router.identity import identify
from services.router.letter import Examination, examine
from shared.model.account import Account
from shared.ops.config import load


@click.command(short_help="Tell who would get a mail, and why.")
@config_file
@click.argument("file", type=click.File("rb"))
@click.option(
    "--account", required=True, metavar="ACCOUNT", help="The account that it would be fetched from."
)
@output
def explain(path: Path, file: BinaryIO, account: str, output: str) -> None:
    """Tell who would get the mail in FILE (- for standard input), and why."""
    configuration = load(path, os.environ)
    (name,) = account_ids(configuration, [account])
    chosen = configuration.accounts[name]
    raw = file.read()
    examination = examine(raw, chosen.routing, own_address(chosen.login.username))
    identity = identify(raw, examination.header, chosen.routing.dedup, "unique")
    if output == "json":
        write_json(_as_json(chosen, examination, identity))
    else:
        _tell(chosen, examination, identity)


def _tell(account: Account, examination: Examination, identity: str) -> None:
    resolution = examination.resolution
    screen = console()
    for title, value in (
        ("Account", account.id),
        ("Message-ID", examination.message_id),
        ("Sender", f"<{examination.reverse_path}>"),
        ("Evidence", resolution.evidence),
        ("Target", account.target),
        ("Identity", identity),
    ):
        screen.print(Text(f"{title:<11}", style="bold"), cell(value), sep="", soft_wrap=True)
    for recipient in resolution.recipients:
        origin = "" if recipient.original in ("", recipient.address) else f" (found as {recipient.original})"
        line = f"{recipient.address}{origin}: {recipient.reason}"
        screen.print(Text("Delivered  ", style="green"), cell(line), sep="", soft_wrap=True)
    for rejected in resolution.rejected:
        line = f"{rejected.value}: {rejected.reason}"
        screen.print(Text("Not used   ", style="yellow"), cell(line), sep="", soft_wrap=True)
    if resolution.park_reason is not None:
        screen.print(
            Text("Parked     ", style="yellow"), cell(resolution.park_reason), sep="", soft_wrap=True
        )


def _as_json(account: Account, examination: Examination, identity: str) -> dict[str, object]:
    resolution = examination.resolution
    return {
        "account": account.id,
        "target": account.target,
        "message_id": examination.message_id,
        "reverse_path": examination.reverse_path,
        "evidence": resolution.evidence,
        "identity": identity,
        "recipients": [
            {"address": each.address, "original": each.original, "reason": each.reason}
            for each in resolution.recipients
        ],
        "rejected": [{"value": each.value, "reason": each.reason} for each in resolution.rejected],
        "parked": resolution.park_reason,
    }
