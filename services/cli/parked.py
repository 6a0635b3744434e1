"""`mailferry parked list` and `show`: mail that could not be delivered."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import click
from rich.text import Text

from services.cli.group import Commands
from services.cli.options import config_file, output
from services.cli.output import Column, Row, cell, console, iso, print_noted, write_json
from services.cli.parked_choice import NOBODY, choice_options, is_given, mail_argument, query_of
from services.cli.running import operate
from shared.config import load
from shared.custody.state import Message
from shared.model.errors import quoted
from shared.operations.context import OperatorContext
from shared.operations.journal_text import recipient_state
from shared.operations.parked import (
    MailHeader,
    Parked,
    ParkedHeaders,
    ParkedMails,
    RawMailMissing,
    find_parked,
    list_parked,
    parked_beginning,
    parked_headers,
)
from shared.operations.wording import moment, octets

COLUMNS = (
    Column("message", "ID", whole=True),
    Column("since", "Parked at", whole=True, optional=True),
    Column("size", "Size", number=True, whole=True, optional=True),
    Column("recipient", "Recipient", whole=True),
)
SHOWN_LINES = 30
SHOWN_LINE_LENGTH = 200


class ParkedCommands(Commands):
    """The commands of `mailferry parked`."""

    places: ClassVar[Mapping[str, str]] = {
        "list": "services.cli.parked:list_command",
        "show": "services.cli.parked:show",
        "retry": "services.cli.parked_deciding:retry",
        "discard": "services.cli.parked_deciding:discard",
        "export": "services.cli.parked_export:export",
    }


@click.group("parked", cls=ParkedCommands, short_help="List, show, retry, discard or export parked mail.")
def parked_group() -> None:
    """Look at mail that could not be delivered, retry it, or give it up.

    ID is what `parked list` shows, or its beginning as far as no other parked mail begins so.
    """


@click.command("list")
@config_file
@choice_options
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The most to show.")
@output
def list_command(path: Path, limit: int, output: str, **choice: str | None) -> None:
    """List parked mail, the oldest first, by recipient; below each sender, subject and reason."""
    query = query_of(choice)

    async def read(context: OperatorContext) -> tuple[ParkedMails, ParkedHeaders]:
        found = await list_parked(context, limit, query)
        return found, await parked_headers(context, [each.message for each in found.recipients])

    found, headers = operate(load(path, os.environ), read)
    rows = [_row(each, headers.by_id[each.message.id]) for each in found.recipients]
    if output == "json":
        write_json(rows)
    elif not rows:
        click.echo("Nothing of that is parked." if is_given(choice) else "Nothing is parked.")
    else:
        shown = [
            {**row, "since": moment(each.parked_at), "about": _about(row)}
            for row, each in zip(rows, found.recipients, strict=True)
        ]
        print_noted(console(), shown, COLUMNS, "about", "About")
    if headers.problem is not None:
        click.echo(f"mailferry: From and Subject could not be read: {headers.problem}", err=True)
    if found.has_more:
        click.echo(f"More is parked; these are the oldest {limit}. --limit shows more.", err=True)


@click.command("show")
@config_file
@mail_argument
@output
def show(path: Path, mail: str, output: str) -> None:
    """Show a parked mail: recipients, reasons, and its first lines."""

    async def read(context: OperatorContext) -> tuple[Message, bytes | None]:
        message = await find_parked(context, mail)
        try:
            return message, await parked_beginning(context, message)
        except RawMailMissing as error:
            click.echo(f"mailferry: the raw mail is not shown: {error}", err=True)
            return message, None

    message, beginning = operate(load(path, os.environ), read)
    if output == "json":
        write_json(_as_json(message, beginning))
        return
    screen = console()
    for title, value in _facts(message):
        screen.print(Text(f"{title:<11}", style="bold"), cell(value), sep="", soft_wrap=True)
    screen.print(Text("Recipients", style="bold"))
    for recipient in message.recipients.values():
        line = f"{recipient.address or NOBODY}: {recipient_state(recipient)}"
        screen.print("  ", cell(line), sep="", soft_wrap=True)
    if beginning is not None:
        screen.print(Text("Begins with", style="bold"))
        for line in _printable_lines(beginning):
            click.echo(f"  {line}")


def _facts(message: Message) -> tuple[tuple[str, object], ...]:
    return (
        ("ID", message.id),
        ("Message-ID", message.message_id),
        ("Account", message.account),
        ("UID", message.key.uid),
        ("Fetched", f"{moment(message.first_fetched_at)} UTC"),
        ("Size", octets(message.octets)),
        ("Sender", f"<{message.reverse_path}>"),
        ("Evidence", message.evidence),
    )


def _printable_lines(raw: bytes) -> list[str]:
    lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    return [quoted(line, SHOWN_LINE_LENGTH) for line in lines[:SHOWN_LINES]]


def _row(parked: Parked, header: MailHeader | None) -> Row:
    message, recipient = parked.message, parked.recipient
    return {
        "message": message.id,
        "message_id": message.message_id,
        "account": message.account,
        "from": header.sender if header is not None else None,
        "subject": header.subject if header is not None else None,
        "parked_at": iso(parked.parked_at),
        "recipient": recipient.address or NOBODY,
        "target": recipient.target,
        "octets": message.octets,
        "size": octets(message.octets),
        "attempts": recipient.attempt,
        "why": recipient.text or recipient.reason,
    }


def _about(row: Row) -> str:
    """Sender and subject, as far as they are known, and the reason below them."""
    sender = [f"From {row['from']}"] if row["from"] else []
    subject = [f"Subject: {row['subject']}"] if row["subject"] else []
    return "\n".join([*sender, *subject, str(row["why"])])


def _as_json(message: Message, beginning: bytes | None) -> dict[str, object]:
    return {
        "message": message.id,
        "message_id": message.message_id,
        "account": message.account,
        "uid": message.key.uid,
        "fetched_at": iso(message.first_fetched_at),
        "octets": message.octets,
        "sender": message.reverse_path,
        "evidence": message.evidence,
        "recipients": [
            {
                "recipient": each.address or NOBODY,
                "destination": each.destination,
                "target": each.target,
                "status": each.status,
                "state": recipient_state(each),
            }
            for each in message.recipients.values()
        ],
        "beginning": None if beginning is None else _printable_lines(beginning),
    }
