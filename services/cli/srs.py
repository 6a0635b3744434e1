"""`mailferry srs`: senders as SRS rewrites them, and back, by the keys of the configuration."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import click

from services.cli.naming import account_ids
from services.cli.options import config_file, output
from services.cli.output import write_result
from services.cli.running import execute
from shared.config import load
from shared.model.address import Address, DefectiveAddress, normal_domain
from shared.model.errors import quoted
from shared.operations.srs import reverse_sender, rewritten_sender


@click.group("srs", short_help="Rewrite senders for SPF, and back.")
def srs_group() -> None:
    """Rewrite senders as the accounts with sender = "srs" do, and back."""


@srs_group.command()
@config_file
@click.argument("address")
@output
def reverse(path: Path, address: str, output: str) -> None:
    """Show the sender that ADDRESS was made from, such as SRS0=HASH=...@DOMAIN."""
    rewritten = _address(address)
    configuration = load(path, os.environ)
    sender = str(execute(partial(reverse_sender, configuration, rewritten, time.time())))
    write_result(output, sender, {"rewritten": str(rewritten), "sender": sender})


@srs_group.command()
@config_file
@click.argument("address")
@click.option(
    "--account", required=True, metavar="ACCOUNT", help="The account whose domain and key are used."
)
@output
def forward(path: Path, address: str, account: str, output: str) -> None:
    """Show what the account makes of the sender ADDRESS today."""
    configuration = load(path, os.environ)
    (name,) = account_ids(configuration, [account])
    sender = _address(address)
    rewritten = str(execute(partial(rewritten_sender, configuration, name, sender, time.time())))
    write_result(output, rewritten, {"sender": str(sender), "rewritten": rewritten})


def _address(text: str) -> Address:
    """Return the address. A rewritten local part may be longer than `parse_address` allows."""
    local, at, domain = text.strip().strip("<>").rpartition("@")
    if not (local and at):
        raise click.UsageError(f'"{quoted(text)}" is not an address: write it as NAME@DOMAIN')
    try:
        return Address(local, normal_domain(domain))
    except DefectiveAddress as defect:
        raise click.UsageError(f'"{quoted(text)}" is not an address: {defect}') from None
