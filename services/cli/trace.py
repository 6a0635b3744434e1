"""`mailferry trace`: the whole story of a mail, from the UID at the source to its deletion there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.text import Text

from services.cli.operator_context import operator_context
from services.cli.options import config_file, output
from services.cli.output import cell, console, iso, moment, octets, write_json
from services.cli.running import execute
from services.cli.story import recipient_standing, standing, told
from shared.config import Configuration, load
from shared.contract.journal import Entry
from shared.custody.state import Message
from shared.model.errors import quoted
from shared.model.mailbox import written_uids
from shared.model.read_failure import ReadFailure, ReadFailureKind
from shared.runtime.exit_codes import FAILURE

MOST = 10
Story = tuple[Message, Sequence[Entry]]
Unread = tuple[str, ReadFailure]
"""An account, and a mail that is still in its mailbox as it could not be read or is too large."""


@click.command(short_help="Tell the whole story of a mail.")
@config_file
@click.argument("text")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=MOST,
    show_default=True,
    help="How many mails to tell of where several match.",
)
@output
def trace(path: Path, text: str, limit: int, output: str) -> None:
    """Tell the story of the mails that match TEXT: an id, a Message-ID, a UID, or a recipient's address."""
    configuration = load(path, os.environ)
    stories, unread = execute(lambda: _found(configuration, text, limit + 1))
    if output == "json":
        write_json(
            [*(_as_json(*story) for story in stories[:limit]), *(_unread_as_json(*each) for each in unread)]
        )
    for story in stories[:limit] if output == "table" else ():
        _tell(*story)
    for each in unread if output == "table" else ():
        console().print(cell(_told_unread(*each)), soft_wrap=True)
    if not stories and not unread:
        click.echo(f"mailferry: no mail matches {quoted(text)}", err=True)
        raise click.exceptions.Exit(FAILURE)
    if len(stories) > limit:
        click.echo(f"More mails match; these are the newest {limit}. --limit shows more.", err=True)


async def _found(configuration: Configuration, text: str, limit: int) -> tuple[list[Story], list[Unread]]:
    async with operator_context(configuration) as archive:
        forms = written_uids(text.strip())
        searched = (text, *forms[1:])
        found = [each for form in searched for each in await archive.store.find_messages(form, limit)]
        stories = [(message, await archive.store.message_journal(message.id)) for message in found]
        states = await archive.store.account_states()
        unread = [
            (state.account, each) for state in states for each in state.read_failures if each.name in forms
        ]
        return stories, unread


def _told_unread(account: str, setback: ReadFailure) -> str:
    """One sentence about a mail that is at its source and was not fetched."""
    name = quoted(setback.name, 80)
    if setback.kind is ReadFailureKind.OVERSIZE:
        return f"{name} of {account} is left at its source: {setback.reason}."
    times = "once" if setback.times == 1 else f"{setback.times} times"
    return f"{name} of {account} was tried {times}, again after {moment(setback.again_at)}: {setback.reason}"


def _unread_as_json(account: str, setback: ReadFailure) -> dict[str, object]:
    return {
        "account": account,
        "uid": setback.name,
        "octets": setback.octets,
        "status": "unread",
        "kind": setback.kind,
        "times": setback.times,
        "again_at": iso(setback.again_at),
        "reason": setback.reason,
    }


def _tell(message: Message, entries: Sequence[Entry]) -> None:
    screen = console()
    screen.print(Text(message.id, style="bold"), cell(message.message_id), octets(message.octets))
    for entry in entries:
        first, *details = told(entry)
        screen.print(Text(f"  {moment(entry.at)}  "), cell(first), sep="", soft_wrap=True)
        for detail in details:
            screen.print(Text(" " * 25), cell(detail), sep="", soft_wrap=True)
    screen.print(Text(f"  It is {standing(message)}.", style="bold"), soft_wrap=True)
    for recipient in message.recipients.values():
        line = f"{recipient.address or 'nobody'}: {recipient_standing(recipient)}"
        screen.print("    ", cell(line), sep="", soft_wrap=True)
    screen.print()


def _as_json(message: Message, entries: Sequence[Entry]) -> dict[str, object]:
    return {
        "message": message.id,
        "message_id": message.message_id,
        "account": message.account,
        "uid": message.key.uid,
        "octets": message.octets,
        "status": message.status,
        "recipients": [recipient._asdict() for recipient in message.recipients.values()],
        "entries": [
            {"what": entry.wire_name, "time": iso(entry.at), **entry.model_dump(mode="json")}
            for entry in entries
        ],
    }
