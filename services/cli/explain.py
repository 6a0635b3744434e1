"""`mailferry explain`: who would get a mail, and why, without fetching or delivering anything."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import click
from rich.text import Text

from services.cli.existence import with_existence
from services.cli.explanation import as_json, tell
from services.cli.live import Glance, glance
from services.cli.naming import account_ids
from services.cli.options import config_file, output
from services.cli.output import cell, console, write_json
from services.cli.running import execute
from services.router.decide.identity import identify
from services.router.resolving.analysis import HeaderAnalysis, analyse_header
from shared.config import Configuration, load
from shared.model.account import Account, ExistenceCheck
from shared.runtime.exit_codes import FAILURE

MOST = 20
UNIQUE = "unique"
"""The identity of a mail where duplicates are not looked for."""


class Explained(NamedTuple):
    """A mail and what is to be said of it; `uid` names it in a mailbox, where there is no `identity`."""

    analysis: HeaderAnalysis
    identity: str | None
    uid: str | None = None


Complete = Callable[[Sequence[Explained]], list[Explained]]


@click.command(
    short_help="Tell who would get a mail, and why.",
    epilog="With --output json, one FILE gives one object; several, and --live, give a list.",
)
@config_file
@click.argument("files", metavar="[FILE]...", type=click.File("rb"), nargs=-1)
@click.option(
    "--account", required=True, metavar="ACCOUNT", help="The account that it would be fetched from."
)
@click.option("--live", is_flag=True, help="Look at what waits in the account's mailbox instead of at files.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=MOST,
    show_default=True,
    help="With --live, how many mails to look at, oldest first.",
)
@click.option(
    "--ask-target",
    is_flag=True,
    help='Also find out who exists, as the account\'s "recipients" says: from the list, or from the target.',
)
@output
def explain(
    path: Path,
    files: Sequence[BinaryIO],
    account: str,
    live: bool,
    limit: int,
    ask_target: bool,
    output: str,
) -> None:
    """Tell who would get the mail in each FILE (- for standard input), and why.

    With --live the headers are read that the mailbox has now; nothing in it is marked, fetched or deleted.
    With --ask-target the target is asked for the recipients; no mail is sent.
    """
    if bool(files) is live:
        raise click.UsageError("Name one FILE or more, or say --live.")
    configuration = load(path, os.environ)
    (name,) = account_ids(configuration, [account])
    chosen = configuration.accounts[name]
    complete = partial(_with_existence, configuration, chosen) if ask_target else list[Explained]
    if live:
        _explain_live(chosen, execute(lambda: glance(chosen, limit)), complete, output)
        return
    found = complete([_of_file(chosen, file.read()) for file in files])
    if output == "json" and len(found) == 1:
        write_json(as_json(chosen, found[0].analysis, found[0].identity))
    else:
        _write(chosen, found, output)


def _with_existence(
    configuration: Configuration, account: Account, found: Sequence[Explained]
) -> list[Explained]:
    if account.routing.existence is ExistenceCheck.NONE:
        click.echo(f'mailferry: account {account.id} has "recipients" = "none", so nobody is asked', err=True)
    asked = execute(lambda: with_existence(configuration, account, [each.analysis for each in found]))
    return [each._replace(analysis=analysis) for each, analysis in zip(found, asked, strict=True)]


def _explain_live(account: Account, seen: Glance, complete: Complete, output: str) -> None:
    found = [
        Explained(analyse_header(mail.header, account, time.time()), None, mail.uid)
        for mail in seen.mails
        if not mail.refused
    ]
    _write(account, complete(found), output)
    refusals = list(dict.fromkeys(mail.refused for mail in seen.mails if mail.refused))
    for sentence in [*seen.problems, *refusals]:
        click.echo(f"mailferry: {sentence}", err=True)
    if seen.total > len(seen.mails):
        click.echo(f"{seen.total} mails wait; these are the oldest {len(seen.mails)}.", err=True)
    if refusals:
        raise click.exceptions.Exit(FAILURE)


def _write(account: Account, found: Sequence[Explained], output: str) -> None:
    if output == "json":
        write_json(list(_objects(account, found)))
        return
    screen = console()
    for number, each in enumerate(found):
        if number:
            screen.print()
        if each.uid is not None:
            screen.print(Text(f"{'UID':<12}", style="bold"), cell(each.uid), sep="", soft_wrap=True)
        tell(screen, account, each.analysis, each.identity)


def _objects(account: Account, found: Sequence[Explained]) -> Iterator[dict[str, object]]:
    for each in found:
        uid = {} if each.uid is None else {"uid": each.uid}
        yield {**uid, **as_json(account, each.analysis, each.identity)}


def _of_file(account: Account, raw: bytes) -> Explained:
    analysis = analyse_header(raw, account, time.time())
    return Explained(analysis, identify(raw, analysis.header, account.routing.dedup, UNIQUE).own)
