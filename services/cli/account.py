"""`mailferry account`: accounts, and importing them from the files of other programs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import click

from services.cli.group import Commands
from services.cli.object_commands import actor
from services.cli.options import config_file, output
from services.cli.output import Column, Row, console, print_noted, print_table, write_json
from services.cli.progress import progress
from services.cli.running import operate
from shared.config import load
from shared.importing.toml import as_toml
from shared.operations.importing import (
    FORMATS,
    Choices,
    Finding,
    ImportedRow,
    Plan,
    SaveResult,
    SaveStatus,
    plan_import,
    save_into_registry,
    save_state,
)
from shared.operations.wording import counted

COLUMNS = (
    Column("line", "Line", number=True),
    Column("account", "Account"),
    Column("source", "Source"),
    Column("becomes", "What becomes of it"),
    Column("findings", "Findings", number=True),
)
RESULT_COLUMNS = (
    Column("account", "Account", whole=True),
    Column("result", "Result", whole=True),
)
MOST_SHOWN = 50
"""Accounts in the table, those that were refused first; a file may have a hundred thousand."""
PROBLEMS = 1
"""The exit code where a row cannot be used."""


class AccountCommands(Commands):
    """The commands of `mailferry account`."""

    places: ClassVar[Mapping[str, str]] = {
        "add": "services.cli.account_add:add",
        "list": "services.cli.objects:account_list",
        "show": "services.cli.objects:account_show",
        "set": "services.cli.objects:account_set",
        "enable": "services.cli.objects:account_enable",
        "disable": "services.cli.objects:account_disable",
        "remove": "services.cli.objects:account_remove",
        "import": "services.cli.account:import_accounts",
        "export": "services.cli.account_export:export",
    }


@click.group(cls=AccountCommands, short_help="List, add, change, remove, import and export accounts.")
def account_group() -> None:
    """Work with accounts: mailboxes that mail is fetched from."""


@click.command(
    name="import",
    short_help="Add accounts from the file of another program.",
    epilog="Every option of the file has a counterpart, or is named with its line; docs/migrating.md lists "
    "them. The exit code is 1 where a row cannot be used.",
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--from", "form", type=click.Choice(list(FORMATS)), required=True, help="The form of the file.")
@click.option(
    "--state",
    "states",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Which mails were delivered: .fetchids, or an oldmail file of getmail. Can be repeated.",
)
@click.option("--tenant", metavar="NAME", help="The customer that all accounts belong to.")
@click.option("--target", metavar="NAME", help="The target of all accounts, in place of what the file says.")
@click.option("--domain", metavar="DOMAIN", help="The domain of recipients that the file gives without one.")
@click.option(
    "--recipient", metavar="ADDRESS", help="Who gets the mail of a mailbox whose file does not say."
)
@click.option("--begin", metavar="BEGIN", help="From when on kept mail is delivered: all, now, or a date.")
@click.option(
    "--save-state",
    is_flag=True,
    help="Enter the mails that were delivered into the database of the configuration.",
)
@config_file
@click.option("--dry-run", is_flag=True, help="Show what would be, and save nothing.")
@click.option("--as-toml", "toml", is_flag=True, help="Write the accounts as TOML, without passwords.")
@output
@click.pass_context
def import_accounts(
    context: click.Context,
    /,
    file: Path,
    form: str,
    states: Sequence[Path],
    path: Path,
    output: str,
    **options: Any,
) -> None:
    """Add the accounts in FILE, which is of another program, to the registry.

    Accounts that are there are left alone, so an import that broke off is simply run again.
    """
    toml, dry_run, saves_state = (options.pop(name) for name in ("toml", "dry_run", "save_state"))
    if saves_state and (not toml or dry_run or not states):
        raise click.UsageError("--save-state needs --state and goes with --as-toml, not with --dry-run.")
    plan = plan_import(file, form, Choices(**options), states, environ=os.environ)
    results: Sequence[SaveResult] = ()
    if saves_state:
        results = operate(load(path, os.environ), partial(save_state, plan=plan))
    elif not toml and not dry_run:
        results = _saved(path, plan, file)
    if toml:
        click.echo(as_toml(plan.rows), nl=False)
        _print_findings(plan.findings)
        _print_results(results)
    elif output == "json":
        write_json(_as_json(plan, results))
    elif not dry_run:
        _print_saved(results)
        _print_findings(plan.findings)
    else:
        _print_plan(plan)
    refused = any(each.status is SaveStatus.REFUSED for each in results)
    if refused or len(plan.usable) < len(plan.rows) or any(each.blocks for each in plan.findings):
        context.exit(PROBLEMS)


def _saved(path: Path, plan: Plan, file: Path) -> Sequence[SaveResult]:
    """Save the accounts into the registry."""
    with progress() as display:
        save = partial(
            save_into_registry, plan=plan, actor=actor(), base=file.absolute().parent, progress=display
        )
        return operate(load(path, os.environ), save, seals=True)


def _print_saved(results: Sequence[SaveResult]) -> None:
    order = list(reversed(SaveStatus))
    worst = sorted(results, key=lambda each: order.index(each.status))
    rows = [{"account": each.account, "result": each.status.value, "why": each.sentence} for each in worst]
    print_noted(console(), rows[:MOST_SHOWN], RESULT_COLUMNS, "why")
    if len(rows) > MOST_SHOWN:
        click.echo(f"… and {counted(len(rows) - MOST_SHOWN, 'more account')} (-o json shows all)")
    counts = Counter(each.status for each in results)
    click.echo(", ".join(f"{counts[status]} {status.value}" for status in SaveStatus if counts[status]))


def _print_plan(plan: Plan) -> None:
    screen = console()
    print_table(screen, [_row(each, plan) for each in plan.rows], COLUMNS)
    screen.print()
    for row in plan.rows:
        for finding in row.findings:
            click.echo(f"{row.account_id}: {_sentence(finding)}")
    unusable = len(plan.rows) - len(plan.usable)
    click.echo(
        f"{len(plan.usable)} of {len(plan.rows)} accounts can be used"
        + (f"; {unusable} cannot, for the reasons above" if unusable else "")
    )
    _print_findings(plan.findings)


def _row(row: ImportedRow, plan: Plan) -> Row:
    return {
        "line": row.line,
        "account": row.account_id,
        "source": row.account.get("source", row.account.get("provider")),
        "becomes": _outcome(row, plan),
        "findings": len(row.findings),
    }


def _outcome(row: ImportedRow, plan: Plan) -> str:
    """Return in a few words what the account is to do."""
    if not row.is_usable:
        return "Not usable"
    keys = row.account
    to = keys.get("recipient") or ", ".join(
        each for each in keys.get("domains", {}) if not each.startswith("*.")
    )
    known = plan.known.get(row.account_id, ())
    return f"To {to} at {keys.get('target')}, {keys.get('retention', 'delete')}" + (
        f", {len(known)} delivered before" if known else ""
    )


def _sentence(finding: Finding) -> str:
    return ("not usable: " if finding.blocks else "") + str(finding)


def _print_findings(findings: Sequence[Finding]) -> None:
    for each in findings:
        click.echo(_sentence(each), err=True)


def _print_results(results: Sequence[SaveResult]) -> None:
    for each in results:
        click.echo(f"{each.account}: {each.sentence or 'the delivered mails are entered'}", err=True)


def _as_json(plan: Plan, results: Sequence[SaveResult]) -> dict[str, object]:
    saved = {each.account: each for each in results}
    return {
        "accounts": [
            {
                "line": row.line,
                "account": row.account_id,
                "usable": row.is_usable,
                "keys": {
                    key: str(value) if key == "password" else value for key, value in row.account.items()
                },
                "target": row.target,
                "delivered_before": len(plan.known.get(row.account_id, ())),
                "findings": [_finding_as_json(each) for each in row.findings],
                **_saved_as_json(saved.get(row.account_id)),
            }
            for row in plan.rows
        ],
        "findings": [_finding_as_json(each) for each in plan.findings],
    }


def _saved_as_json(result: SaveResult | None) -> Mapping[str, object]:
    return {} if result is None else {"result": result.status.value, "why": result.sentence}


def _finding_as_json(finding: Finding) -> dict[str, object]:
    return {
        "line": finding.line,
        "option": finding.option,
        "sentence": finding.sentence,
        "blocks": finding.blocks,
    }
