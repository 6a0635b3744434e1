"""`mailferry autoconfig`: where the mailbox of an address is, and how that was found."""

from __future__ import annotations

import click

from services.cli.options import output
from services.cli.output import Column, Row, console, print_noted, write_json
from services.cli.running import execute
from shared.autoconfig.candidate import IMAP, POP3, Candidate
from shared.autoconfig.fetching import Web
from shared.autoconfig.network import Internet
from shared.autoconfig.search import find_servers
from shared.model.address import Address, DefectiveAddress, parse_address
from shared.model.address_policy import AddressPolicy
from shared.model.errors import quoted
from shared.runtime.exit_codes import FAILURE

COLUMNS = (
    Column("source", "Source", whole=True),
    Column("username", "User name", whole=True),
    Column("tls", "TLS", whole=True, optional=True),
)
TOKENS_ONLY = "Takes OAuth 2 tokens only, no passwords."


class AddressType(click.ParamType[Address]):
    """A mail address."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Return the parsed address."""
        if isinstance(value, Address):
            return value
        try:
            return parse_address(str(value))
        except DefectiveAddress as defect:
            self.fail(f'"{quoted(str(value))}" is no valid address: {defect}', param, ctx)


@click.command(
    "autoconfig",
    short_help="Find the server of a mailbox by its address.",
    epilog="No password is asked for or sent. The domain's own autoconfig server is told the address. Exit "
    "code 0 if a server was found, otherwise 1. See docs/adding-accounts.md.",
)
@click.argument("address", type=AddressType())
@click.option(
    "--protocol", type=click.Choice([IMAP, POP3]), default=IMAP, show_default=True, help="What to list first."
)
@click.option("--all", "everything", is_flag=True, help="Try every way, also after a server was found.")
@click.option("--public", is_flag=True, help="Connect to no private addresses.")
@output
def autoconfig(address: Address, protocol: str, everything: bool, public: bool, output: str) -> None:
    """Find the server of the mailbox that ADDRESS has, and say how it was found."""
    network = Internet(Web(addresses=AddressPolicy(public_only=public)))
    findings = execute(lambda: find_servers(address, network, protocol=protocol, everything=everything))
    rows = [candidate_row(each) for each in findings.candidates]
    if output == "json":
        write_json({"address": str(address), "candidates": rows, "problems": list(findings.problems)})
    elif rows:
        print_noted(console(), [{**row, "about": _about(row)} for row in rows], COLUMNS, "about")
    if output != "json":
        for problem in findings.problems:
            click.echo(quoted(problem, 500), err=True)
    if not rows:
        click.echo(f"No server was found for {address}.", err=True)
        raise click.exceptions.Exit(FAILURE)


def _about(row: Row) -> str:
    """How a server was found, and what an account needs there."""
    found = f"found by {row['found']}, {row['confidence']} confidence"
    return found if row["note"] is None else f"{found}. {row['note']}"


def candidate_row(candidate: Candidate) -> Row:
    """Return a candidate for a table, and for programs."""
    notes = (TOKENS_ONLY if candidate.tokens_only and not candidate.note else "", candidate.note)
    return {
        "source": candidate.url,
        "username": candidate.username,
        "protocol": candidate.protocol,
        "host": candidate.host,
        "port": candidate.port,
        "tls": candidate.tls.value,
        "found": candidate.way.value,
        "confidence": candidate.confidence.value,
        "provider": candidate.provider,
        "tokens_only": candidate.tokens_only,
        "note": " ".join(filter(None, notes)) or None,
    }
