"""`mailferry lost`: mails that left their source before they were served, and of which no copy is held."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from services.cli.operator_context import operator_context
from services.cli.options import config_file, output
from services.cli.output import Column, Row, console, moment, print_table, write_json
from services.cli.running import execute
from shared.config import Configuration, load
from shared.custody.state import Message
from shared.model.message import TERMINAL

MOST = 1000
COLUMNS = (
    Column("message", "Message", whole=True),
    Column("account", "Account", whole=True),
    Column("uid", "UID"),
    Column("message_id", "Message-ID"),
    Column("since", "Gone since", whole=True),
    Column("for_whom", "Not served"),
)


@click.command(
    epilog="Somebody else took them out of the mailbox. An event that is on its way still may serve one yet; "
    "then it is listed no more. Times are UTC."
)
@config_file
@output
def lost(path: Path, output: str) -> None:
    """List mails that their source lost before they were served."""
    messages = execute(lambda: _lost(load(path, os.environ)))
    rows = [_row(message) for message in messages]
    if output == "json":
        write_json(rows)
        return
    print_table(console(), rows, COLUMNS)


async def _lost(configuration: Configuration) -> Sequence[Message]:
    async with operator_context(configuration) as archive:
        return await archive.store.left_behind(MOST)


def _row(message: Message) -> Row:
    waiting = [each.address for each in message.recipients.values() if each.status not in TERMINAL]
    return {
        "message": message.id,
        "account": message.account,
        "uid": message.key.uid,
        "message_id": message.message_id,
        "since": moment(message.gone_at),
        "for_whom": ", ".join(waiting) or "nobody known yet",
    }
