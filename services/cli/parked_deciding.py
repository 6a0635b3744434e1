"""`mailferry parked retry` and `discard`: what is to become of parked mail."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from services.cli.naming import target_names
from services.cli.options import config_file, output
from services.cli.output import write_json, write_result
from services.cli.parked_choice import NOBODY, choice_options, is_given, query_of
from services.cli.progress import progress
from services.cli.running import operate
from shared.config import Configuration, load
from shared.custody.state import Recipient
from shared.model.address import DefectiveAddress, parse_address
from shared.model.errors import quoted
from shared.model.message import RecipientStatus
from shared.operations.context import OperatorContext
from shared.operations.parked import (
    RecipientUnknown,
    discard_parked,
    find_parked,
    parked_recipients,
    retry_parked,
)
from shared.operations.parked_bulk import Discard, ParkedQuery, Retry, change_all
from shared.operations.wording import counted
from shared.runtime.checkpoints import arm
from shared.runtime.exit_codes import FAILURE

AGAIN = "to be delivered again"
RETRY_RESULTS = {
    RecipientStatus.SUPPRESSED: "an identical mail has arrived there meanwhile; not delivered again",
    RecipientStatus.PARKED: "stays parked while an identical mail is on its way there; "
    "--to or --target delivers it elsewhere",
}
some_mail_argument = click.argument("mail", metavar="[ID]", required=False)
all_option = click.option("--all", "everything", is_flag=True, help="Everything that is parked.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Count what is chosen, and change nothing.")
recipients_option = click.option(
    "--recipient", "recipients", multiple=True, metavar="ADDRESS", help="Only this recipient; repeatable."
)


class Retried(NamedTuple):
    """A mail by its id, and its recipients that were retried, as they are now."""

    id: str
    recipients: Sequence[Recipient]


@click.command("retry")
@config_file
@some_mail_argument
@recipients_option
@choice_options
@all_option
@dry_run_option
@click.option("--to", metavar="ADDRESS", help="Deliver to this address instead.")
@click.option("--target", metavar="NAME", help="Deliver to this target instead.")
@output
def retry(
    path: Path,
    mail: str | None,
    recipients: Sequence[str],
    everything: bool,
    dry_run: bool,
    to: str | None,
    target: str | None,
    output: str,
    **choice: str | None,
) -> None:
    """Deliver parked mail again: one by its ID, or all that the options choose. A running relay does so
    within seconds, otherwise the next pass does.
    """
    configuration = load(path, os.environ)
    destination = _address(to)
    if target is not None:
        target_names(configuration, [target])
    _check_choice(mail, recipients, choice, everything=everything)
    if mail is None:
        query = query_of(choice)
        if dry_run:
            _write_count(_count(configuration, query), "would be delivered again", output)
        else:
            _change_all(configuration, query, Retry(destination, target), "to be delivered again", output)
        return

    async def retry_one(context: OperatorContext) -> Retried:
        found = await find_parked(context, mail)
        changed = await retry_parked(context, found.id, recipients, destination=destination, target=target)
        return Retried(found.id, changed)

    try:
        retried = operate(configuration, retry_one)
    except RecipientUnknown as error:
        raise click.UsageError(str(error)) from None
    results = [(each.address, RETRY_RESULTS.get(each.status, AGAIN)) for each in retried.recipients]
    _write_one(retried.id, results, output)
    if any(each.status is RecipientStatus.PARKED for each in retried.recipients):
        raise click.exceptions.Exit(FAILURE)


@click.command("discard")
@config_file
@some_mail_argument
@recipients_option
@choice_options
@all_option
@dry_run_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@output
def discard(
    path: Path,
    mail: str | None,
    recipients: Sequence[str],
    everything: bool,
    dry_run: bool,
    yes: bool,
    output: str,
    **choice: str | None,
) -> None:
    """Give parked mail up: one by its ID, or all that the options choose. It is not delivered, and the raw
    mail is deleted when no recipient needs it.
    """
    arm(os.environ)
    configuration = load(path, os.environ)
    _check_choice(mail, recipients, choice, everything=everything)
    if mail is None:
        query = query_of(choice)
        number = _count(configuration, query)
        if dry_run:
            _write_count(number, "would be discarded", output)
            return
        if not yes:
            click.confirm(f"Give up {counted(number, 'parked recipient')}?", abort=True, err=True)
        _change_all(configuration, query, Discard(), "discarded", output)
        return
    message = operate(configuration, lambda context: find_parked(context, mail))
    if not yes:
        names = ", ".join(each.address or NOBODY for each in parked_recipients(message, recipients))
        click.confirm(f"Give up {message.id} for {quoted(names)}?", abort=True, err=True)
    given_up = operate(configuration, lambda context: discard_parked(context, message.id, recipients))
    _write_one(message.id, [(address, "discarded") for address in given_up], output)


def _check_choice(
    mail: str | None, recipients: Sequence[str], choice: Mapping[str, str | None], *, everything: bool
) -> None:
    """Raise `click.UsageError` unless either an ID or options choose what is meant."""
    chosen = everything or is_given(choice)
    if (mail is None) is not chosen:
        raise click.UsageError("Name a mail by its ID, or choose by options (--all: everything); not both.")
    if chosen and recipients:
        raise click.UsageError("--recipient goes with an ID.")


def _count(configuration: Configuration, query: ParkedQuery) -> int:
    async def count(context: OperatorContext) -> int:
        return await context.store.parked_count(query)

    return operate(configuration, count)


def _write_count(number: int, what: str, output: str) -> None:
    write_result(output, f"{counted(number, 'parked recipient')} {what}", {"chosen": number})


def _write_one(mail: str, results: Sequence[tuple[str, str]], output: str) -> None:
    """Write what became of each recipient of a mail."""
    if output == "json":
        rows = [{"recipient": address or NOBODY, "result": result} for address, result in results]
        write_json({"message": mail, "recipients": rows})
        return
    for address, result in results:
        click.echo(f"{mail} for {quoted(address) or NOBODY}: {result}")


def _change_all(
    configuration: Configuration, query: ParkedQuery, change: Retry | Discard, done: str, output: str
) -> None:
    """Change all that is chosen, and print what became of it."""
    with progress() as display:
        result = operate(configuration, lambda context: change_all(context, query, change, display))
    if output == "json":
        changed = [{"message": mail, "recipient": address or NOBODY} for mail, address in result.changed]
        refused = [
            {"message": each.mail, "recipient": each.address or NOBODY, "why": each.why}
            for each in result.refused
        ]
        write_json({"changed": changed, "refused": refused})
    else:
        for each in result.refused:
            click.echo(f"{each.mail} for {quoted(each.address) or NOBODY}: {each.why}", err=True)
        click.echo(f"{counted(len(result.changed), 'recipient')} {done}")
    if result.refused:
        raise click.exceptions.Exit(FAILURE)


def _address(text: str | None) -> str | None:
    """Return the address, normalised. Raises `click.BadParameter`."""
    if text is None:
        return None
    try:
        return str(parse_address(text))
    except DefectiveAddress as defect:
        raise click.BadParameter(
            f'"{quoted(text)}" is not a valid address: {defect}', param_hint="--to"
        ) from None
