"""`mailferry once`: one pass over the accounts, and a table of what it did."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from services.cli.mail_columns import (
    DELIVERED,
    IN_CUSTODY,
    KEPT,
    LEGEND,
    PARKED,
    PUT_ASIDE,
    SUPPRESSED,
    WAITING,
)
from services.cli.naming import account_ids
from services.cli.options import config_file, output, verbose
from services.cli.output import Column, Row, console, filled, print_noted, write_json
from services.cli.progress import Display, progress
from services.cli.running import execute, quiet_logs
from shared.config import Configuration, load
from shared.operations.pass_report import AccountPass
from shared.operations.status import ALL_UP_TO, WORST
from shared.operations.wording import counted
from shared.runtime.checkpoints import arm
from shared.runtime.exit_codes import TEMPORARY_FAILURE
from shared.runtime.garbage_collection import garbage_collector_paused

if TYPE_CHECKING:
    from services.fetcher.mailboxes.visit_observer import Retry
    from services.standalone.pass_progress import PassProgress

COLUMNS = (
    Column("account", "Account", whole=True),
    Column("fetched", "Fetched", number=True, whole=True),
    DELIVERED,
    PARKED,
    Column("deleted", "Deleted", number=True, whole=True),
    Column("left", WAITING.title, number=True, whole=True),
    KEPT,
    IN_CUSTODY,
    PUT_ASIDE,
    SUPPRESSED,
)
ALWAYS_SUMMED = ("fetched", "delivered")
MOST_RETRIES = 20
"""Retries that are shown: a dead host may have ten thousand accounts."""
SELDOM = (KEPT, IN_CUSTODY, PUT_ASIDE, SUPPRESSED)
"""Shown only where an account has such mails."""


@click.command(
    short_help="Make one pass: fetch, deliver, delete, report.",
    epilog=f"{LEGEND} Accounts with problems come first. Up to 200 accounts are all shown; of more, the 20 "
    "worst. JSON has them all. Exit code 0 if nothing is left to do, 75 if something is.",
)
@config_file
@click.argument("accounts", nargs=-1)
@output
@verbose
def once(path: Path, accounts: Sequence[str], output: str, verbose: bool) -> None:
    """Make one pass over ACCOUNTS, or all: fetch, deliver, delete, report."""
    quiet_logs(None, verbose=verbose)
    configuration = load(path, os.environ)
    ids = account_ids(configuration, accounts)
    pass_and_report(configuration, ids, output, verbose=verbose, path=path)


def pass_and_report(
    configuration: Configuration,
    accounts: Sequence[str],
    form: str,
    *,
    verbose: bool,
    path: Path,
) -> None:
    """Make a pass and write the table; exit with 75 if something is left. `path` is the configuration's."""
    with garbage_collector_paused():
        from services.standalone.once import once as make_pass  # noqa: PLC0415 - other commands start without the services

    arm(os.environ)
    quiet_logs(configuration, verbose=verbose)
    with progress(logs=verbose) as display:
        seen = _pass_progress(display)
        passes = execute(lambda: make_pass(configuration, accounts, seen))
    if form == "json":
        write_json([_row(each) for each in passes])
    else:
        print_passes(console(), passes)
    if any(each.parked for each in passes):
        click.echo(f"Parked mail needs a decision: mailferry parked list -c {path}", err=True)
    if not all(each.complete for each in passes):
        raise click.exceptions.Exit(TEMPORARY_FAILURE)


def _pass_progress(display: Display) -> PassProgress:
    """What shows the pass on the display."""
    shown = 0

    def on_retry(retry: Retry) -> None:
        nonlocal shown
        shown += 1
        if shown <= MOST_RETRIES:
            display.note(
                f"{retry.account}: {str(retry.error).removesuffix('.')}; "
                f"attempt {retry.attempt + 1} of {retry.attempts} in {retry.again_in:.0f} s"
            )
        if shown == MOST_RETRIES:
            display.note("Further attempts are not shown; --verbose logs all.")

    from services.standalone import pass_progress  # noqa: PLC0415 - as above

    return pass_progress.PassProgress(display, on_retry)


def print_passes(screen: Console, passes: Sequence[AccountPass]) -> None:
    """Print a summary, then a line for each account, those with problems first."""
    screen.print(filled(_summary(passes), screen.width), soft_wrap=True)
    worst = sorted(passes, key=lambda each: (each.complete, each.problem is None))
    shown = worst if len(worst) <= ALL_UP_TO else worst[:WORST]
    rows = [_row(each) for each in shown]
    if rows:
        columns = [each for each in COLUMNS if each not in SELDOM or any(row[each.key] for row in rows)]
        screen.print()
        print_noted(screen, rows, columns, "why")
    if more := len(passes) - len(shown):
        screen.print(f"… and {counted(more, 'more account')} (-o json shows all)", soft_wrap=True)


def _summary(passes: Sequence[AccountPass]) -> str:
    left = sum(not each.complete for each in passes)
    done = f"{counted(len(passes), 'account')}, " + (f"{left} not complete" if left else "all complete")
    totals = {
        "fetched": sum(each.fetched for each in passes),
        "delivered": sum(each.delivered for each in passes),
        "deleted": sum(each.deleted for each in passes),
        "waiting": sum(each.waiting or 0 for each in passes),
        "parked": sum(each.parked for each in passes),
    }
    numbers = ", ".join(
        f"{number:,} {what}" for what, number in totals.items() if number or what in ALWAYS_SUMMED
    )
    return f"{done}: {numbers}" if passes else "No account is enabled."


def _row(each: AccountPass) -> Row:
    return {
        "account": each.account,
        "fetched": each.fetched,
        "delivered": each.delivered,
        "suppressed": each.suppressed,
        "parked": each.parked,
        "deleted": each.deleted,
        "left": each.waiting,
        "copies": each.copies,
        "in_flight": each.in_flight,
        "skipped": each.skipped,
        "why": each.problem,
    }
