"""`mailferry status`: how each account and each target is doing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from services.cli.mail_columns import IN_CUSTODY, KEPT, LEGEND, PARKED, PUT_ASIDE, SUPPRESSED, WAITING
from services.cli.naming import account_ids
from services.cli.options import config_file, output
from services.cli.output import Column, Row, console, print_noted, write_json
from services.cli.running import operate
from shared.config import Configuration, load
from shared.model.account_condition import WORST_FIRST, Colour
from shared.operations.context import OperatorContext
from shared.operations.status import AccountStatus, Status, StatusQuery, TargetStatus, UnnamedAccount
from shared.operations.status import status as read_status
from shared.operations.status_colour import OK
from shared.operations.wording import counted, moment

STYLES = {"white": "default", "green": "green", "yellow": "yellow", "red": "bold red"}
WATCH_SECONDS = 2.0
"""Seconds between two looks with --watch. A look at 100,000 accounts costs the database up to a second."""
SELDOM = (PUT_ASIDE, KEPT)
"""Shown only where an account has such mails."""
ACCOUNTS = (
    Column("state", "State", whole=True),
    Column("account", "Account", whole=True),
    Column("visited", "Last visit", whole=True),
    WAITING,
    KEPT,
    PARKED,
    IN_CUSTODY,
    PUT_ASIDE,
    SUPPRESSED,
    Column("due", "Next visit", whole=True, optional=True),
)
TARGETS = (
    Column("state", "State", whole=True),
    Column("target", "Target", whole=True),
    Column("waiting", "To retry", number=True, whole=True),
    PARKED,
)
UNNAMED = (
    Column("account", "Not in the registry", whole=True),
    Column("at_source", "At source", number=True, whole=True),
    Column("here", "Held here", number=True, whole=True),
    PARKED,
    Column("visited", "Last visit", whole=True),
)
UNNAMED_ADVICE = (
    "These accounts have mail and are not visited. Mail of an account that was removed is delivered or "
    "parked first. Mail of one that is not in the registry waits: name the account again until its mail is "
    "done. If you only renamed it, mail that is still at the source is fetched under the new name, and "
    "nobody in the tenant gets it twice; mail held here waits for the old name. Parked mail can be exported, "
    "retried and discarded in any case."
)


@click.command(
    short_help="Show how each account and each target is doing.",
    epilog="white: never tried · green: works · yellow: paused, disabled or partly working · red: not "
    f"reachable, or the login was refused. {LEGEND} To retry: recipients that the target deferred. Times "
    "are UTC. A narrow terminal shows fewer columns. Up to 200 accounts are all shown; of more, the 20 "
    "worst.",
)
@config_file
@click.argument("names", nargs=-1, metavar="[ACCOUNT|TENANT/]...")
@click.option("--failing", is_flag=True, help="Only accounts whose last visit failed.")
@click.option("--limit", type=click.IntRange(min=0), help="Accounts to show at most, the worst first.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until interrupted.")
@output
def status(
    path: Path, names: Sequence[str], failing: bool, limit: int | None, watch: bool, output: str
) -> None:
    """Show how accounts and targets are doing, those with problems first."""
    if watch and output == "json":
        raise click.UsageError("--watch is for people; ask for JSON as often as you need it.")
    configuration = load(path, os.environ)
    query = _query(configuration, names, failing=failing, limit=limit)
    if watch:
        operate(configuration, lambda context: _watch(context, query))
        return
    found = operate(configuration, lambda context: read_status(context, query))
    if names and not found.summary.accounts:
        raise click.UsageError(f"The registry has no account {', '.join(names)}.")
    if output == "json":
        mails = None if found.mails is None else found.mails._asdict()
        write_json({**asdict(found), "summary": asdict(found.summary), "mails": mails})
    else:
        _print_status(console(), found)


def _query(
    configuration: Configuration, names: Sequence[str], *, failing: bool, limit: int | None
) -> StatusQuery:
    tenants = [name.removesuffix("/") for name in names if name.endswith("/")]
    accounts = [name for name in names if not name.endswith("/")]
    full = [name if "/" in name else account_ids(configuration, [name])[0] for name in accounts]
    return StatusQuery(full, tenants, failing=failing, limit=limit)


async def _watch(context: OperatorContext, query: StatusQuery) -> None:
    while True:
        found = await read_status(context, query)
        click.clear()
        _print_status(console(), found)
        await context.clock.sleep(WATCH_SECONDS)


def _print_status(screen: Console, found: Status) -> None:
    if found.deletion is not None:
        sentence = found.deletion[0].upper() + found.deletion[1:] + "."
        screen.print(Text(sentence, style="bold red"), soft_wrap=True)
        screen.print()
    screen.print(_summary(found), soft_wrap=True)
    if found.accounts:
        rows = [_account_row(each) for each in found.accounts]
        columns = [each for each in ACCOUNTS if each not in SELDOM or any(row[each.key] for row in rows)]
        screen.print()
        print_noted(screen, rows, columns, "note")
    if found.more:
        screen.print(f"… and {counted(found.more, 'more account')} (--limit, --failing)", soft_wrap=True)
    if found.unnamed:
        screen.print()
        print_noted(screen, [_unnamed_row(each) for each in found.unnamed], UNNAMED, "sentence")
        screen.print(UNNAMED_ADVICE, style="yellow")
    if found.targets:
        screen.print()
        print_noted(screen, [_target_row(each) for each in found.targets], TARGETS, "note")
    if found.more_targets:
        screen.print(f"… and {counted(found.more_targets, 'more target')}", soft_wrap=True)


def _summary(found: Status) -> Text:
    """How many accounts there are, by colour, the worst first."""
    colours = found.summary.colours
    line = Text(counted(found.summary.accounts, "account"))
    if not found.summary.accounts:
        return line.append("; `mailferry run` and `mailferry apply` bring in those of a file")
    for number, each in enumerate(colour for colour in WORST_FIRST if colours.get(colour)):
        line.append(": " if number == 0 else ", ").append(f"{colours[each]} {each.value}", STYLES[each.value])
    for what in _mails(found):
        line.append(f"; {what}")
    return line


def _mails(found: Status) -> Iterator[str]:
    """Yield how many mails are under way and how many recipients are parked, of all accounts."""
    if found.mails is not None and found.mails.in_flight:
        yield f"{counted(found.mails.in_flight, 'mail')} in custody"
    if found.mails is not None and found.mails.parked:
        yield f"{counted(found.mails.parked, 'recipient')} parked"


def _account_row(account: AccountStatus) -> Row:
    return {
        **asdict(account),
        "state": _coloured(account.colour),
        "visited": _day_and_minute(account.visited_at),
        "due": "being visited" if account.visited_by else _day_and_minute(account.due_at),
        "note": None if account.sentence == OK else account.sentence,
    }


def _target_row(target: TargetStatus) -> Row:
    note = None if target.sentence == OK else target.sentence
    return {**asdict(target), "state": _coloured(target.colour), "note": note}


def _unnamed_row(account: UnnamedAccount) -> Row:
    return {**asdict(account), "visited": _day_and_minute(account.visited_at)}


def _coloured(colour: Colour) -> Text:
    return Text(colour.value, style=STYLES[colour.value])


def _day_and_minute(seconds: float | None) -> str | None:
    written = moment(seconds)
    return written[5:16] if written else None
