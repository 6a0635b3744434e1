"""`mailferry trace` and `mailferry lost`: the history of mails, and the mails that were lost."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.text import Text

from services.cli.options import config_file, output
from services.cli.output import Column, Row, cell, console, iso, print_noted, write_json
from services.cli.running import operate
from shared.config import load
from shared.model.errors import quoted
from shared.model.mailbox import INBOX
from shared.model.read_failure import ReadFailureKind
from shared.operations.journal_text import entry_lines, message_state, recipient_state
from shared.operations.trace import LostMail, SkippedMail, TracedMail, UnreadMail, lost_mails
from shared.operations.trace import trace as find_traces
from shared.operations.wording import counted, moment, octets
from shared.runtime.exit_codes import FAILURE

DEFAULT_LIMIT = 10
LOST = (
    Column("message", "ID", whole=True),
    Column("since", "Gone since", whole=True),
    Column("account", "Account", whole=True),
    Column("uid", "UID", whole=True, optional=True),
)


@click.command(short_help="Show the history of a mail.")
@config_file
@click.argument("text")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="The most mails to show, newest first.",
)
@output
def trace(path: Path, text: str, limit: int, output: str) -> None:
    """Show what happened to the mails that match TEXT: an id, a Message-ID, a UID, or a recipient."""
    found = operate(load(path, os.environ), lambda context: find_traces(context, text, limit))
    if output == "json":
        write_json(
            [
                *map(_mail_as_json, found.mails),
                *map(_unread_as_json, found.unread),
                *map(_skip_as_json, found.skipped),
            ]
        )
    else:
        for mail in found.mails:
            _print_mail(mail)
        for unread in found.unread:
            console().print(cell(_unread_sentence(unread)), soft_wrap=True)
        for skip in found.skipped:
            console().print(cell(_skip_sentence(skip)), soft_wrap=True)
    if not (found.mails or found.unread or found.skipped):
        click.echo(f"mailferry: no mail matches {quoted(text)}", err=True)
        raise click.exceptions.Exit(FAILURE)
    if found.has_more:
        click.echo(f"More mails match; these are the newest {limit}. --limit shows more.", err=True)


@click.command(
    short_help="List mails that left their source before delivery.",
    epilog="Another program took them out of the mailbox, and no copy is held here. If an event that holds "
    "such a mail is still on its way, the mail is delivered after all and no longer listed. Times are UTC.",
)
@config_file
@output
def lost(path: Path, output: str) -> None:
    """List mails that left their source before they were delivered."""
    mails = operate(load(path, os.environ), lost_mails)
    rows = [_lost_row(mail) for mail in mails]
    if output == "json":
        write_json(rows)
    elif rows:
        shown = [
            {**row, "since": moment(mail.gone_at), "about": _about(row)}
            for row, mail in zip(rows, mails, strict=True)
        ]
        print_noted(console(), shown, LOST, "about")
    else:
        click.echo("No mail is lost.")


def _print_mail(mail: TracedMail) -> None:
    screen, message = console(), mail.message
    screen.print(Text(message.id, style="bold"), cell(message.message_id), octets(message.octets))
    for entry in mail.entries:
        first, *details = entry_lines(entry)
        screen.print(Text(f"  {moment(entry.at)}  "), cell(first), sep="", soft_wrap=True)
        for detail in details:
            screen.print(Text(" " * 25), cell(detail), sep="", soft_wrap=True)
    screen.print(Text(f"  It is {message_state(message)}.", style="bold"), soft_wrap=True)
    for recipient in message.recipients.values():
        line = f"{recipient.address or 'nobody'}: {recipient_state(recipient)}"
        screen.print("    ", cell(line), sep="", soft_wrap=True)
    screen.print()


def _unread_sentence(unread: UnreadMail) -> str:
    failure = unread.failure
    mail = f"{quoted(failure.name, 80)} of {unread.account}"
    if failure.kind is ReadFailureKind.OVERSIZE:
        return f"{mail} is left at its source: {failure.reason}."
    tries = counted(failure.times, "attempt")
    return (
        f"{mail} was not read in {tries}; next attempt after {moment(failure.again_at)} UTC: {failure.reason}"
    )


def _unread_as_json(unread: UnreadMail) -> dict[str, object]:
    failure = unread.failure
    return {
        "account": unread.account,
        "uid": failure.name,
        "octets": failure.octets,
        "status": "unread",
        "kind": failure.kind,
        "times": failure.times,
        "again_at": iso(failure.again_at),
        "reason": failure.reason,
    }


def _skip_sentence(skip: SkippedMail) -> str:
    mail = f"{quoted(skip.uid, 80)} of {skip.account}"
    if not skip.decided:
        return f'{mail} waits: whether it is older than begin = "{skip.began}" is not known yet.'
    return (
        f"{mail} was skipped: it was in the mailbox on {moment(skip.since)} UTC, when the account began with "
        f'begin = "{skip.began}". It is neither delivered nor deleted. With begin = "all" all such mail of '
        "the account is delivered."
    )


def _skip_as_json(skip: SkippedMail) -> dict[str, object]:
    return {
        "account": skip.account,
        "uid": skip.uid,
        "octets": skip.octets,
        "status": "skipped" if skip.decided else "undecided",
        "begin": skip.began,
        "since": iso(skip.since),
    }


def _mail_as_json(mail: TracedMail) -> dict[str, object]:
    message = mail.message
    folder = {} if message.key.folder == INBOX.folder else {"folder": message.key.folder}
    return {
        "message": message.id,
        "message_id": message.message_id,
        "account": message.account,
        **folder,
        "uid": message.key.uid,
        "octets": message.octets,
        "status": message.status,
        "recipients": [recipient._asdict() for recipient in message.recipients.values()],
        "entries": [
            {"what": entry.wire_name, "time": iso(entry.at), **entry.model_dump(mode="json")}
            for entry in mail.entries
        ],
    }


def _about(row: Row) -> str:
    name = f"Message-ID {row['message_id']}; " if row["message_id"] else ""
    return f"{name}not delivered to {row['for_whom']}"


def _lost_row(mail: LostMail) -> Row:
    message = mail.message
    return {
        "message": message.id,
        "account": message.account,
        "uid": message.key.uid,
        "message_id": message.message_id,
        "gone_at": iso(mail.gone_at),
        "for_whom": ", ".join(mail.undelivered) or "nobody known yet",
    }
