"""One parked mail on the terminal: its recipients, why it is parked, and its beginning, made printable."""

from __future__ import annotations

import click
from rich.text import Text

from services.cli.output import cell, console, moment, octets
from services.cli.story import recipient_standing
from shared.custody.state import Message
from shared.model.errors import quoted
from shared.ports.blobs import Blobs

BEGINNING = 64 * 1024
LINES = 30
LINE_LENGTH = 200


async def show_mail(message: Message, blobs: Blobs) -> None:
    """Write what an operator needs to decide."""
    screen = console()
    for title, value in (
        ("Mail", message.id),
        ("Message-ID", message.message_id),
        ("Account", message.account),
        ("UID", message.key.uid),
        ("Fetched", f"{moment(message.first_fetched_at)} UTC"),
        ("Size", octets(message.octets)),
        ("Sender", f"<{message.reverse_path}>"),
        ("Evidence", message.evidence),
    ):
        screen.print(Text(f"{title:<11}", style="bold"), cell(value), sep="", soft_wrap=True)
    screen.print(Text("Recipients", style="bold"))
    for recipient in message.recipients.values():
        line = f"{recipient.address or 'nobody'}: {recipient_standing(recipient)}"
        screen.print("  ", cell(line), sep="", soft_wrap=True)
    if message.blob is not None:
        screen.print(Text("Begins with", style="bold"))
        for line in _printable(await _beginning(message.blob, blobs)):
            click.echo(f"  {line}")


async def _beginning(name: str, blobs: Blobs) -> bytes:
    beginning = bytearray()
    async for piece in blobs.read(name):
        beginning += piece
        if len(beginning) >= BEGINNING:
            break
    return bytes(beginning)


def _printable(raw: bytes) -> list[str]:
    lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    return [quoted(line, LINE_LENGTH) for line in lines[:LINES]]
