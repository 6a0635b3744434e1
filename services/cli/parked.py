"""`mailferry parked`: mail that could not be delivered, and what is to become of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, TypeVar

import click

from services.cli.mail_file import mail_file
from services.cli.maildir import maildir_file
from services.cli.naming import target_names
from services.cli.operator_context import OperatorContext, operator_context
from services.cli.options import config_file, output
from services.cli.output import Column, Row, iso, moment, octets, write_rows
from services.cli.parked_show import show_mail
from services.cli.running import execute
from shared.config import Configuration, load
from shared.custody.settlement import needs_raw_mail
from shared.custody.state import Message, Recipient
from shared.model.address import DefectiveAddress, parse_address
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.message import RecipientStatus
from shared.ports.store import Parked
from shared.runtime.checkpoints import arm, reached

T = TypeVar("T")
COLUMNS = (
    Column("message", "Mail", whole=True),
    Column("since", "Parked at", whole=True),
    Column("recipient", "Recipient"),
    Column("size", "Size", number=True, whole=True),
    Column("why", "Why"),
)
NOBODY = "nobody"
recipients_option = click.option(
    "--recipient", "recipients", multiple=True, metavar="ADDRESS", help="Only this recipient; repeatable."
)


class NoSuchMail(MailferryError):
    """The operator named a mail that is not there, or not parked."""

    temporary = False
    fault = Fault.OPERATOR


@click.group("parked", short_help="List, show, retry, discard or export parked mail.")
def parked_group() -> None:
    """Look at mail that could not be delivered, retry it, or give it up."""


@parked_group.command("list")
@config_file
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many to show.")
@output
def list_parked(path: Path, limit: int, output: str) -> None:
    """List parked mail, one line for each recipient, the oldest first."""
    configuration = load(path, os.environ)
    found = _at_desk(configuration, lambda archive: archive.store.parked_recipients(limit + 1))
    if not found and output == "table":
        click.echo("Nothing is parked.")
        return
    write_rows([_row(each) for each in found[:limit]], COLUMNS, output)
    if len(found) > limit:
        click.echo(f"More is parked; these are the oldest {limit}. --limit shows more.", err=True)


@parked_group.command("show")
@config_file
@click.argument("mail", metavar="ID")
def show(path: Path, mail: str) -> None:
    """Show a parked mail: who was to get it, why it is parked, and how it begins."""

    async def work(archive: OperatorContext) -> None:
        await show_mail(await _message(archive, mail), archive.blobs)

    _at_desk(load(path, os.environ), work)


RETRIED = {
    RecipientStatus.SUPPRESSED: "an identical mail has arrived there meanwhile; not delivered again",
    RecipientStatus.PARKED: "stays parked while an identical mail is on its way there; "
    "--to or --target delivers it elsewhere",
}


@parked_group.command("retry")
@config_file
@click.argument("mail", metavar="ID")
@recipients_option
@click.option("--to", metavar="ADDRESS", help="Deliver to this address instead.")
@click.option("--target", metavar="NAME", help="Deliver to this target instead.")
def retry(path: Path, mail: str, recipients: Sequence[str], to: str | None, target: str | None) -> None:
    """Try again to deliver a parked mail. A relay that runs does it within seconds, else the next pass."""
    configuration = load(path, os.environ)
    destination = _address(to)
    if target is not None:
        target_names(configuration, [target])

    async def work(archive: OperatorContext) -> Message:
        message = await _message(archive, mail)
        meant = [each.address for each in _parked_ones(message, recipients)]
        if not meant:
            raise NoSuchMail(f"none of these recipients of {quoted(mail)} is parked")
        if destination is None and any(not each.destination for each in _parked_ones(message, recipients)):
            raise click.UsageError("Nobody is known to get this mail; name an address with --to.")
        await archive.store.retry_parked(message.id, meant, destination, target, archive.clock.now())
        [after] = await archive.store.find_messages(message.id, 1)
        return after._replace(recipients={each: after.recipients[each] for each in meant})

    after = _at_desk(configuration, work)
    for each in after.recipients.values():
        told = RETRIED.get(each.status, "to be tried again")
        click.echo(f"{quoted(mail)} for {quoted(each.address) or NOBODY}: {told}")
    if _parked_ones(after, ()):
        raise click.exceptions.Exit(1)


@parked_group.command("discard")
@config_file
@click.argument("mail", metavar="ID")
@recipients_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def discard(path: Path, mail: str, recipients: Sequence[str], yes: bool) -> None:
    """Give a parked mail up: it is not delivered, and its raw text is deleted once nobody needs it."""
    arm(os.environ)
    configuration = load(path, os.environ)
    message = _at_desk(configuration, lambda archive: _message(archive, mail))
    if not yes:
        names = ", ".join(each.address or NOBODY for each in _parked_ones(message, recipients))
        click.confirm(f"Give up {message.id} for {quoted(names)}?", abort=True, err=True)
    _tell_changed(
        mail, _at_desk(configuration, lambda archive: _discarded(archive, mail, recipients)), "discarded"
    )


@parked_group.command("export")
@config_file
@click.argument("mail", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), required=False)
@click.option(
    "--maildir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Put it into this Maildir, which is made where it is missing.",
)
def export(path: Path, mail: str, file: Path | None, maildir: Path | None) -> None:
    """Write the raw mail as it was fetched: to FILE, into a Maildir, or to standard output.

    It stays parked. A FILE that exists is not overwritten; only its owner may read the new one.
    """
    if file is not None and maildir is not None:
        raise click.UsageError("Name a file or a Maildir, not both.")

    async def work(archive: OperatorContext) -> None:
        message = await _message(archive, mail)
        if message.blob is None:
            raise NoSuchMail(f"the raw text of {quoted(mail)} is not kept here")
        with _opened(file, maildir, message.id) as sink:
            async for piece in archive.blobs.read(message.blob):
                sink.write(piece)

    _at_desk(load(path, os.environ), work)


def _opened(file: Path | None, maildir: Path | None, message: str) -> AbstractContextManager[BinaryIO]:
    if maildir is not None:
        return maildir_file(maildir, message)
    if file is not None and file != Path("-"):
        return mail_file(file)
    return nullcontext(sys.stdout.buffer)


def _at_desk(configuration: Configuration, work: Callable[[OperatorContext], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with operator_context(configuration) as archive:
            return await work(archive)

    return execute(opened)


async def _message(archive: OperatorContext, mail: str) -> Message:
    """The parked mail with this id. Raises `NoSuchMail`."""
    for message in await archive.store.find_messages(mail, 1):
        if message.id == mail and _parked_ones(message, ()):
            return message
    raise NoSuchMail(
        f"no mail with the id {quoted(mail)} is parked; `mailferry parked list` shows those that are"
    )


def _parked_ones(message: Message, addresses: Sequence[str]) -> list[Recipient]:
    return [
        each
        for each in message.recipients.values()
        if each.status is RecipientStatus.PARKED and (not addresses or each.address in addresses)
    ]


async def _discarded(archive: OperatorContext, mail: str, recipients: Sequence[str]) -> Sequence[str]:
    """Give up, and delete the raw mail once nobody is to get it any more."""
    changed = await archive.store.discard_parked(mail, recipients, archive.clock.now())
    reached("parked.discarded")
    for message in await archive.store.find_messages(mail, 1):
        if message.blob is not None and not needs_raw_mail(message):
            await archive.blobs.delete(message.blob)
    return changed


def _tell_changed(mail: str, changed: Sequence[str], what: str) -> None:
    if not changed:
        raise NoSuchMail(f"none of these recipients of {quoted(mail)} is parked")
    for address in changed:
        click.echo(f"{quoted(mail)} for {quoted(address) or NOBODY}: {what}")


def _address(text: str | None) -> str | None:
    """The address, normalised. Raises `click.BadParameter`."""
    if text is None:
        return None
    try:
        return str(parse_address(text))
    except DefectiveAddress as defect:
        raise click.BadParameter(
            f'"{quoted(text)}" is no valid address: {defect}', param_hint="--to"
        ) from None


def _row(each: Parked) -> Row:
    recipient = each.recipient
    return {
        "message": each.message.id,
        "message_id": each.message.message_id,
        "account": each.message.account,
        "since": moment(each.parked_at),
        "parked_at": iso(each.parked_at),
        "recipient": recipient.address or NOBODY,
        "target": recipient.target,
        "octets": each.message.octets,
        "size": octets(each.message.octets),
        "attempts": recipient.attempt,
        "why": recipient.text or recipient.reason,
    }
