"""`mailferry status`: how each account and each target is doing."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text

from services.cli.options import config_file, output
from services.cli.output import Column, Row, console, print_table, write_json
from services.cli.running import operate
from shared.config import load
from shared.operations.status import AccountStatus, Status, TargetStatus, UnnamedAccount
from shared.operations.status import status as read_status
from shared.operations.status_colour import Colour
from shared.operations.wording import moment

STYLES = {"white": "default", "green": "green", "yellow": "yellow", "red": "bold red"}
SKIPPED = Column("skipped", "Skipped", number=True, optional=True)
COPIES = Column("copies", "Copies", number=True, optional=True)
SELDOM = (SKIPPED, COPIES)
"""Shown only where an account has such mails."""
ACCOUNTS = (
    Column("account", "Account", whole=True),
    Column("state", "State", whole=True),
    Column("waiting", "Left", number=True),
    COPIES,
    Column("in_flight", "In flight", number=True, optional=True),
    Column("suppressed", "Suppressed", number=True, optional=True),
    SKIPPED,
    Column("parked", "Parked", number=True),
    Column("visited", "Last visit", whole=True),
    Column("due", "Next visit", whole=True, optional=True),
    Column("sentence", "Why"),
)
TARGETS = (
    Column("target", "Target", whole=True),
    Column("state", "State", whole=True),
    Column("waiting", "To retry", number=True),
    Column("parked", "Parked", number=True),
    Column("sentence", "Why"),
)
UNNAMED = (
    Column("account", "Not in the configuration", whole=True),
    Column("at_source", "At source", number=True),
    Column("here", "Held here", number=True),
    Column("parked", "Parked", number=True),
    Column("visited", "Last visit", whole=True),
)
UNNAMED_ADVICE = (
    "These accounts have mail that is not done, but they are not visited and their mail is not routed. Name "
    "an account in the configuration again until its mail is done. If you only renamed it, mail that is "
    "still at the source is fetched under the new name, and nobody in the tenant gets it twice; mail held "
    "here waits for the old name. Parked mail can be exported, retried and discarded in any case."
)


@click.command(
    short_help="Show how each account and each target is doing.",
    epilog="white: never tried · green: works · yellow: paused, disabled or partly working · red: not "
    "reachable, or the login was refused. Left, copies, in flight, skipped, at source and held here count "
    "mails, the other numbers recipients. Left: in the mailbox after the last visit, and not delivered to "
    "all yet. Copies: delivered, and kept in the mailbox as `retention` says. In flight: fetched and not yet "
    "delivered to all. Suppressed: recipients who had an identical mail already. Skipped: left at the source "
    "because of `begin`. To retry: deferred by the target. Times are UTC. A narrow terminal shows fewer "
    "columns.",
)
@config_file
@output
def status(path: Path, output: str) -> None:
    """Show how each account and each target is doing."""
    found = operate(load(path, os.environ), read_status)
    if output == "json":
        write_json(asdict(found))
    else:
        _print_status(found)


def _print_status(found: Status) -> None:
    screen = console()
    if found.deletion is not None:
        sentence = found.deletion[0].upper() + found.deletion[1:] + "."
        screen.print(Text(sentence, style="bold red"), soft_wrap=True)
        screen.print()
    rows = [_account_row(each) for each in found.accounts]
    columns = [each for each in ACCOUNTS if each not in SELDOM or any(row[each.key] for row in rows)]
    print_table(screen, rows, columns)
    screen.print()
    if found.unnamed:
        print_table(screen, [_unnamed_row(each) for each in found.unnamed], UNNAMED)
        screen.print(UNNAMED_ADVICE, style="yellow")
        screen.print()
    print_table(screen, [_target_row(each) for each in found.targets], TARGETS)


def _account_row(account: AccountStatus) -> Row:
    return {
        **asdict(account),
        "state": _coloured(account.colour),
        "visited": _day_and_minute(account.visited_at),
        "due": "being visited" if account.visited_by else _day_and_minute(account.due_at),
    }


def _target_row(target: TargetStatus) -> Row:
    return {**asdict(target), "state": _coloured(target.colour)}


def _unnamed_row(account: UnnamedAccount) -> Row:
    return {**asdict(account), "visited": _day_and_minute(account.visited_at)}


def _coloured(colour: Colour) -> Text:
    return Text(colour.value, style=STYLES[colour.value])


def _day_and_minute(seconds: float | None) -> str | None:
    written = moment(seconds)
    return written[5:16] if written else None
