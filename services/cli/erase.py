"""`mailferry erase`: takes an address out of everything that is known of mails."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from services.cli.mail_file import mail_file
from services.cli.options import config_file, output
from services.cli.output import write_result
from services.cli.people import DOER
from services.cli.running import operate
from shared.config import load
from shared.operations.context import OperatorContext
from shared.operations.erasure import Erasure, ErasureReport, erase, exported
from shared.operations.wording import counted


@click.command("erase", short_help="Take an address out of all that is known of mails.")
@click.argument("address")
@config_file
@click.option("--tenant", metavar="NAME", required=True, help="The customer whose mails are meant.")
@click.option("--dry-run", is_flag=True, help="Count, and change nothing.")
@click.option("--include-custody", is_flag=True, help="Discard mail that is parked for the address.")
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all that is known of each mail there first, as a line of JSON. No file is overwritten.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@output
def erase_command(
    address: str,
    path: Path,
    tenant: str,
    dry_run: bool,
    include_custody: bool,
    file: Path | None,
    yes: bool,
    output: str,
) -> None:
    """Take ADDRESS, a recipient's or a sender's, out of the mails of a customer.

    It is replaced in the ledger and the journal, and copies of mails that nobody needs are deleted. Mail in
    custody keeps it: run the command again when that is done. What is kept so that no mail comes twice has
    no address. The audit gets a certificate.
    """
    wanted = Erasure(tenant, address, dry_run, include_custody)
    if not dry_run and not yes:
        click.confirm(f"Erase {address} from the mails of {tenant}? This cannot be undone.", abort=True)
    configuration = load(path, os.environ)

    async def erased(context: OperatorContext) -> ErasureReport:
        if file is not None:
            # Whole and durable before anything is erased: the copies of erased mails are gone.
            with mail_file(file) as lines:
                async for story in exported(context, wanted):
                    lines.write(json.dumps(story, ensure_ascii=False).encode() + b"\n")
        return await erase(context, DOER, wanted)

    report = operate(configuration, erased)
    done = f"{counted(report.found, 'mail')} with the address"
    if not dry_run:
        done += f": {report.erased} erased with their copies, {len(report.kept)} kept in custody"
    fields = {
        "found": report.found,
        "erased": report.erased,
        "discarded": report.discarded,
        "blobs": report.blobs,
        "kept": report.kept,
        "certificate": report.certificate or None,
    }
    write_result(output, f"{done}.", fields)
