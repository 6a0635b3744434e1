"""`mailferry once`: one pass over the accounts, and a table of what it did."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from services.cli.naming import account_ids
from services.cli.options import config_file, output, verbose
from services.cli.output import Column, Row, console, write_rows
from services.cli.running import execute, quiet_logs
from shared.config import Configuration, load
from shared.operations.pass_report import AccountPass
from shared.runtime.checkpoints import arm
from shared.runtime.exit_codes import TEMPORARY_FAILURE
from shared.runtime.garbage_collection import garbage_collector_paused

COLUMNS = (
    Column("account", "Account"),
    Column("fetched", "Fetched", number=True),
    Column("delivered", "Delivered", number=True),
    Column("suppressed", "Suppressed", number=True, optional=True),
    Column("parked", "Parked", number=True),
    Column("deleted", "Deleted", number=True),
    Column("left", "Left", number=True),
    Column("copies", "Copies", number=True, optional=True),
    Column("why", "Why"),
)


@click.command(
    short_help="Make one pass: fetch, deliver, delete, report.",
    epilog="Fetched, deleted, left and copies count mails; the other numbers recipients. "
    "Suppressed: recipients who had an identical mail already. Left: mails at the source, for another pass. "
    "Copies: delivered mails that stay at the source, as `retention` says. "
    "Exit code 0 if nothing is left to do, 75 if something is.",
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
    with _spinner(verbose):
        passes = execute(lambda: make_pass(configuration, accounts))
    write_rows([_row(each) for each in passes], COLUMNS, form)
    if any(each.parked for each in passes):
        click.echo(f"Parked mail needs a decision: mailferry parked list -c {path}", err=True)
    if not all(each.complete for each in passes):
        raise click.exceptions.Exit(TEMPORARY_FAILURE)


@contextmanager
def _spinner(verbose: bool) -> Iterator[None]:
    """Show that work is going on, on a terminal without logs."""
    screen = console(error=True)
    if verbose or not screen.is_terminal:
        yield
        return
    with screen.status("Fetching and delivering"):
        yield


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
        "why": each.problem,
    }
