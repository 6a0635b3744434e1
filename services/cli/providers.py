"""`mailferry providers`: the providers that are known by name, and what they need."""

from __future__ import annotations

import click

from services.cli.options import output
from services.cli.output import Column, Row, console, print_noted, write_json
from shared.config.providers import Provider, find_provider, providers
from shared.model.duration import written

COLUMNS = (
    Column("name", "Name", whole=True),
    Column("pop3", "POP3", whole=True),
    Column("imap", "IMAP", whole=True),
    Column("interval", "Shortest poll", whole=True, optional=True),
)


@click.command(
    "providers",
    short_help="List the providers that are known by name.",
    epilog='An account with provider = "NAME" only needs a user name and a password in addition. It uses '
    'POP3 where the provider has that, unless it says source = "imap".',
)
@click.argument("name", required=False)
@output
def providers_command(name: str | None, output: str) -> None:
    """List the providers that an account can name, or show the one called NAME."""
    if name is None:
        chosen = list(providers().values())
    else:
        found = find_provider(name)
        if found is None:
            raise click.UsageError(f'There is no provider "{name}"; `mailferry providers` lists all.')
        chosen = [found]
    rows = [_row(each) for each in chosen]
    if output == "json":
        write_json(rows)
    else:
        print_noted(console(), [{**row, "about": _about(row)} for row in rows], COLUMNS, "about")


def _row(provider: Provider) -> Row:
    return {
        "name": provider.name,
        "title": provider.title,
        "aliases": list(provider.aliases),
        "pop3": _host(provider.pop3),
        "imap": _host(provider.imap),
        "interval": written(provider.interval) if provider.interval else None,
        "note": _notes(provider) or None,
        "auth": list(provider.auth) or None,
    }


def _about(row: Row) -> str:
    """The provider's full name, and what an account needs there."""
    return str(row["title"]) if row["note"] is None else f"{row['title']}: {row['note']}"


def _notes(provider: Provider) -> str:
    by_protocol = (f"{protocol.upper()}: {note}" for protocol, note in provider.notes.items())
    return " ".join(filter(None, (provider.note, *by_protocol)))


def _host(url: str | None) -> str | None:
    """Return the host: all URLs have TLS from the first byte, on the standard port."""
    return None if url is None else url.partition("//")[2]
