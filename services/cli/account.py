"""`mailferry account`: accounts, and importing them from the files of other programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import click

from services.cli.group import Commands
from services.cli.options import config_file, output
from services.cli.output import Column, Row, console, print_table, write_json
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
    save_state,
)

COLUMNS = (
    Column("line", "Line", number=True),
    Column("account", "Account"),
    Column("source", "Source"),
    Column("becomes", "What becomes of it"),
    Column("findings", "Findings", number=True),
)
NOT_YET = (
    "Accounts cannot be saved into the database yet. See what would be with --dry-run, and write them into "
    "the configuration file with --as-toml."
)
PROBLEMS = 1
"""The exit code where a row cannot be used."""


class AccountCommands(Commands):
    """The commands of `mailferry account`."""

    places: ClassVar[Mapping[str, str]] = {
        "add": "services.cli.account_add:add",
        "import": "services.cli.account:import_accounts",
    }


@click.group(cls=AccountCommands, short_help="Add and import accounts.")
def account_group() -> None:
    """Work with accounts: mailboxes that mail is fetched from."""


@click.command(
    name="import",
    short_help="Read accounts from the file of another program.",
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
    """Read accounts from FILE, which is of another program."""
    toml, dry_run, saves_state = (options.pop(name) for name in ("toml", "dry_run", "save_state"))
    if not toml and not dry_run:
        raise click.UsageError(NOT_YET)
    if saves_state and (dry_run or not states):
        raise click.UsageError("--save-state needs --state and goes with --as-toml, not with --dry-run.")
    plan = plan_import(file, form, Choices(**options), states, environ=os.environ)
    results = operate(load(path, os.environ), partial(save_state, plan=plan)) if saves_state else ()
    if toml:
        click.echo(as_toml(plan.rows), nl=False)
        _print_findings(plan.findings)
        _print_results(results)
    elif output == "json":
        write_json(_as_json(plan))
    else:
        _print_plan(plan)
    refused = any(each.status is SaveStatus.REFUSED for each in results)
    if refused or len(plan.usable) < len(plan.rows) or any(each.blocks for each in plan.findings):
        context.exit(PROBLEMS)


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


def _as_json(plan: Plan) -> dict[str, object]:
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
            }
            for row in plan.rows
        ],
        "findings": [_finding_as_json(each) for each in plan.findings],
    }


def _finding_as_json(finding: Finding) -> dict[str, object]:
    return {
        "line": finding.line,
        "option": finding.option,
        "sentence": finding.sentence,
        "blocks": finding.blocks,
    }
