"""`mailferry parked`: mail that could not be delivered, and what is to become of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import click
from rich.text import Text

from services.cli.mail_file import mail_file, maildir_file
from services.cli.naming import target_names
from services.cli.options import config_file, output
from services.cli.output import Column, Row, cell, console, iso, write_rows
from services.cli.parked_choice import choice_options, is_given, query_of
from services.cli.running import operate
from shared.config import Configuration, load
from shared.custody.state import Message
from shared.model.address import DefectiveAddress, parse_address
from shared.model.errors import quoted
from shared.model.message import RecipientStatus
from shared.operations.context import OperatorContext
from shared.operations.journal_text import recipient_state
from shared.operations.parked import (
    Parked,
    RecipientUnknown,
    discard_parked,
    find_parked,
    list_parked,
    parked_beginning,
    parked_recipients,
    read_raw_mail,
    retry_parked,
)
from shared.operations.parked_bulk import Discard, ParkedQuery, Retry, change_all
from shared.operations.wording import counted, moment, octets
from shared.runtime.checkpoints import arm
from shared.runtime.exit_codes import FAILURE

COLUMNS = (
    Column("message", "Mail", whole=True),
    Column("since", "Parked at", whole=True, optional=True),
    Column("recipient", "Recipient"),
    Column("size", "Size", number=True, whole=True, optional=True),
    Column("why", "Why"),
)
NOBODY = "nobody"
SHOWN_LINES = 30
SHOWN_LINE_LENGTH = 200
RETRY_RESULTS = {
    RecipientStatus.SUPPRESSED: "an identical mail has arrived there meanwhile; not delivered again",
    RecipientStatus.PARKED: "stays parked while an identical mail is on its way there; "
    "--to or --target delivers it elsewhere",
}
mail_argument = click.argument("mail", metavar="ID")
some_mail_argument = click.argument("mail", metavar="[ID]", required=False)
all_option = click.option("--all", "everything", is_flag=True, help="Everything that is parked.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Count what is chosen, and change nothing.")
recipients_option = click.option(
    "--recipient", "recipients", multiple=True, metavar="ADDRESS", help="Only this recipient; repeatable."
)


@click.group("parked", short_help="List, show, retry, discard or export parked mail.")
def parked_group() -> None:
    """Look at mail that could not be delivered, retry it, or give it up."""


@parked_group.command("list")
@config_file
@choice_options
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The most to show.")
@output
def list_command(path: Path, limit: int, output: str, **choice: str | None) -> None:
    """List parked mail, one line for each recipient, the oldest first."""
    query = query_of(choice)
    found = operate(load(path, os.environ), lambda context: list_parked(context, limit, query))
    if not found.recipients and output == "table":
        click.echo("Nothing of that is parked." if is_given(choice) else "Nothing is parked.")
        return
    write_rows([_row(each) for each in found.recipients], COLUMNS, output)
    if found.has_more:
        click.echo(f"More is parked; these are the oldest {limit}. --limit shows more.", err=True)


@parked_group.command("show")
@config_file
@mail_argument
def show(path: Path, mail: str) -> None:
    """Show a parked mail: recipients, reasons, and its first lines."""

    async def read(context: OperatorContext) -> tuple[Message, bytes | None]:
        message = await find_parked(context, mail)
        return message, await parked_beginning(context, message)

    message, beginning = operate(load(path, os.environ), read)
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


@parked_group.command("retry")
@config_file
@some_mail_argument
@recipients_option
@choice_options
@all_option
@dry_run_option
@click.option("--to", metavar="ADDRESS", help="Deliver to this address instead.")
@click.option("--target", metavar="NAME", help="Deliver to this target instead.")
def retry(
    path: Path,
    mail: str | None,
    recipients: Sequence[str],
    everything: bool,
    dry_run: bool,
    to: str | None,
    target: str | None,
    **choice: str | None,
) -> None:
    """Deliver parked mail again: one by its ID, or all that the options choose. A running relay does so
    within seconds, otherwise the next pass does.
    """
    configuration = load(path, os.environ)
    destination = _address(to)
    if target is not None:
        target_names(configuration, [target])
    _check_choice(mail, recipients, choice, everything=everything)
    if mail is None:
        query = query_of(choice)
        if dry_run:
            click.echo(f"{_count(configuration, query)} would be delivered again")
        else:
            _change_all(configuration, query, Retry(destination, target), "to be delivered again")
        return
    try:
        retried = operate(
            configuration,
            lambda context: retry_parked(context, mail, recipients, destination=destination, target=target),
        )
    except RecipientUnknown as error:
        raise click.UsageError(str(error)) from None
    for each in retried:
        result = RETRY_RESULTS.get(each.status, "to be delivered again")
        click.echo(f"{quoted(mail)} for {quoted(each.address) or NOBODY}: {result}")
    if any(each.status is RecipientStatus.PARKED for each in retried):
        raise click.exceptions.Exit(FAILURE)


@parked_group.command("discard")
@config_file
@some_mail_argument
@recipients_option
@choice_options
@all_option
@dry_run_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def discard(
    path: Path,
    mail: str | None,
    recipients: Sequence[str],
    everything: bool,
    dry_run: bool,
    yes: bool,
    **choice: str | None,
) -> None:
    """Give parked mail up: one by its ID, or all that the options choose. It is not delivered, and the raw
    mail is deleted when no recipient needs it.
    """
    arm(os.environ)
    configuration = load(path, os.environ)
    _check_choice(mail, recipients, choice, everything=everything)
    if mail is None:
        query = query_of(choice)
        number = _count(configuration, query)
        if dry_run:
            click.echo(f"{number} would be discarded")
            return
        if not yes:
            click.confirm(f"Give up {number}?", abort=True, err=True)
        _change_all(configuration, query, Discard(), "discarded")
        return
    message = operate(configuration, lambda context: find_parked(context, mail))
    if not yes:
        names = ", ".join(each.address or NOBODY for each in parked_recipients(message, recipients))
        click.confirm(f"Give up {message.id} for {quoted(names)}?", abort=True, err=True)
    for address in operate(configuration, lambda context: discard_parked(context, mail, recipients)):
        click.echo(f"{quoted(mail)} for {quoted(address) or NOBODY}: discarded")


@parked_group.command("export")
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


def _check_choice(
    mail: str | None, recipients: Sequence[str], choice: Mapping[str, str | None], *, everything: bool
) -> None:
    """Raise `click.UsageError` unless either an ID or options choose what is meant."""
    chosen = everything or is_given(choice)
    if (mail is None) is not chosen:
        raise click.UsageError("Name a mail by its ID, or choose by options (--all: everything); not both.")
    if chosen and recipients:
        raise click.UsageError("--recipient goes with an ID.")


def _count(configuration: Configuration, query: ParkedQuery) -> str:
    async def count(context: OperatorContext) -> int:
        return await context.store.parked_count(query)

    return counted(operate(configuration, count), "parked recipient")


def _change_all(configuration: Configuration, query: ParkedQuery, change: Retry | Discard, done: str) -> None:
    """Change all that is chosen, and print what became of it."""
    result = operate(configuration, lambda context: change_all(context, query, change))
    for each in result.refused:
        click.echo(f"{each.mail} for {quoted(each.address) or NOBODY}: {each.why}", err=True)
    click.echo(f"{counted(len(result.changed), 'recipient')} {done}")
    if result.refused:
        raise click.exceptions.Exit(FAILURE)


def _opened(file: Path | None, maildir: Path | None, message: str) -> AbstractContextManager[BinaryIO]:
    if maildir is not None:
        return maildir_file(maildir, message)
    if file is not None and file != Path("-"):
        return mail_file(file)
    return nullcontext(sys.stdout.buffer)


def _address(text: str | None) -> str | None:
    """Return the address, normalised. Raises `click.BadParameter`."""
    if text is None:
        return None
    try:
        return str(parse_address(text))
    except DefectiveAddress as defect:
        raise click.BadParameter(
            f'"{quoted(text)}" is not a valid address: {defect}', param_hint="--to"
        ) from None


def _facts(message: Message) -> tuple[tuple[str, object], ...]:
    return (
        ("Mail", message.id),
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


def _row(parked: Parked) -> Row:
    message, recipient = parked.message, parked.recipient
    return {
        "message": message.id,
        "message_id": message.message_id,
        "account": message.account,
        "since": moment(parked.parked_at),
        "parked_at": iso(parked.parked_at),
        "recipient": recipient.address or NOBODY,
        "target": recipient.target,
        "octets": message.octets,
        "size": octets(message.octets),
        "attempts": recipient.attempt,
        "why": recipient.text or recipient.reason,
    }
