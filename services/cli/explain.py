"""`mailferry explain`: who would get a mail, and why, without fetching or delivering anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from services.cli.mail_columns import counts_known
from services.cli.naming import account_ids
from services.cli.options import config_file, output
from services.cli.output import cell, console, write_json
from services.cli.running import execute
from services.fetcher.mailboxes.opening import open_account
from services.router.explaining import explain_mail
from shared.config import Configuration, load
from shared.model.account import ExistenceCheck
from shared.model.errors import quoted
from shared.model.mailbox import INBOX
from shared.operations.explain import Explainer, MailboxExplanation
from shared.operations.explanation import Explanation, TrustedLines
from shared.operations.oauth_context import operator_grants
from shared.operations.objects.naming import with_registry
from shared.operations.source_counts import AccountCounts, source_counts
from shared.runtime.exit_codes import FAILURE

DEFAULT_LIMIT = 20
TITLE_WIDTH = 12
MAX_HOSTS = 5


@click.command(
    short_help="Show who would get a mail, and why.",
    epilog="With --output json, one FILE gives one object; several, and --live, give a list.",
)
@config_file
@click.argument("names", metavar="[FILE]...", nargs=-1)
@click.option(
    "--account",
    metavar="ACCOUNT",
    help="The account that the mail would be fetched from; may be left out where there is only one.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Explain the mails in the account's mailbox instead of files: `--live ACCOUNT` is enough.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="With --live, the most mails to explain, oldest first.",
)
@click.option(
    "--ask-target",
    is_flag=True,
    help="Also check which recipients exist, as the account's verify_recipients says: by its list, or by "
    "asking the target.",
)
@click.option(
    "--folder",
    metavar="NAME",
    help="The source folder that each FILE would be fetched from, with / between levels; INBOX if not given.",
)
@output
def explain(
    path: Path,
    names: Sequence[str],
    account: str | None,
    live: bool,
    limit: int,
    ask_target: bool,
    folder: str | None,
    output: str,
) -> None:
    """Show who would get the mail in each FILE (- for standard input), and why.

    With --live the headers of the mails in the mailbox are read; nothing is marked, fetched or deleted. With
    --ask-target the target is asked about the recipients; no mail is sent.
    """
    if not names and not live:
        raise click.UsageError("Name one FILE or more, or give --live.")
    if live and folder is not None:
        raise click.UsageError("--folder is for a FILE; with --live each mail has its own folder.")
    configuration = load(path, os.environ)
    name = _account(configuration, account, names if live else ())
    if name not in configuration.accounts:
        configuration = execute(partial(with_registry, configuration, [name]))
    chosen = configuration.accounts[name]
    if ask_target and chosen.routing.existence is ExistenceCheck.NONE:
        click.echo(f'mailferry: account {name} has verify_recipients = "none", so nobody is asked', err=True)
    explainer = Explainer(configuration, chosen, explain_mail, asks_directory=ask_target)

    async def explain_live() -> MailboxExplanation:
        async with operator_grants(configuration) as grants:
            return await explainer.explain_mailbox(limit, partial(open_account, grants=grants))

    if live:
        mailbox = execute(explain_live)
        known = {} if output == "json" else counts_known(configuration, [name])
        _write_mailbox(mailbox, known.get(name), output)
        return
    raws = [_read(file) for file in names]
    found = execute(lambda: explainer.explain_mails(raws, folder or INBOX.folder))
    if output == "json" and len(found) == 1:
        write_json(_as_json(found[0]))
    else:
        _write(found, output)


def _account(configuration: Configuration, option: str | None, named: Sequence[str]) -> str:
    """Return the account: that of the `option`, the one that is `named` behind --live, or the only one."""
    if len(named) > 1 or (named and option is not None):
        raise click.UsageError("With --live, name one ACCOUNT and no FILE.")
    if option is None and not named and len(configuration.accounts) != 1:
        raise click.UsageError("Name the account that the mail would be fetched from by --account.")
    (account,) = (
        account_ids(configuration, [option] if option is not None else named) or configuration.accounts
    )
    return account


def _read(name: str) -> bytes:
    """Return the mail in a file, or that of the standard input. Raises `click.BadParameter`."""
    raw = click.File("rb").convert(name, None, click.get_current_context()).read()
    assert isinstance(raw, bytes)
    return raw


def _write_mailbox(found: MailboxExplanation, known: AccountCounts | None, output: str) -> None:
    if known is not None:
        click.echo(f"{source_counts(found.total, known)}.\n")
    _write(found.mails, output)
    for sentence in (*found.problems, *found.refusals):
        click.echo(f"mailferry: {sentence}", err=True)
    if found.total > found.seen:
        click.echo(f"{found.total} mails are in the mailbox; these are the oldest {found.seen}.", err=True)
    if found.refusals:
        raise click.exceptions.Exit(FAILURE)


def _write(found: Sequence[Explanation], output: str) -> None:
    if output == "json":
        write_json([_as_json(each) for each in found])
        return
    screen = console()
    for number, each in enumerate(found):
        if number:
            screen.print()
        _print_explanation(screen, each)


def _as_json(mail: Explanation) -> dict[str, object]:
    """One mail for programs; these keys are public."""
    uid = {} if mail.uid is None else {"uid": mail.uid}
    folder = {} if mail.folder == INBOX.folder else {"folder": mail.folder}
    return {
        **uid,
        **folder,
        "account": mail.account,
        "message_id": mail.message_id,
        "identity": mail.identity,
        "sender": mail.sender,
        "evidence": {"class": mail.evidence_class, "field": mail.field, "value": mail.value},
        "recipients": [
            {"address": each.address, "original": each.original, "reason": each.reason}
            for each in mail.recipients
        ],
        "rejected": [{"value": each.value, "reason": each.reason} for each in mail.rejected],
        "confidence": mail.confidence,
        "list": mail.is_list_mail,
        "loop": mail.loop,
    }


def _print_explanation(screen: Console, mail: Explanation) -> None:
    """Print one mail for people, in the order in which the router decides."""
    for title, text, style in _lines(mail):
        screen.print(Text(f"{title:<{TITLE_WIDTH}}", style=style), cell(text), sep="", soft_wrap=True)


def _lines(mail: Explanation) -> Iterator[tuple[str, str, str]]:
    if mail.uid is not None:
        yield "UID", mail.uid, "bold"
    if mail.folder != INBOX.folder:
        yield "Folder", mail.folder, "bold"
    yield "Account", mail.account, "bold"
    yield "Message-ID", mail.message_id, "bold"
    yield "Sender", f"<{mail.sender}>: {mail.sender_reason}", "bold"
    yield "Trusted", _trusted(mail.trusted_lines), "bold"
    for passed in mail.passed_over:
        yield "Passed over", f"{passed.value}: {passed.reason}", "yellow"
    yield "Evidence", f"class {mail.evidence_class}: {mail.evidence}", "bold"
    if mail.value:
        yield "Value", mail.value, "bold"
    if mail.is_list_mail:
        yield "List", "mail of a mailing list; its To and Cc do not name the recipients", "bold"
    for recipient in mail.recipients:
        origin = "" if recipient.original in ("", recipient.address) else f" (found as {recipient.original})"
        yield "Delivered", f"{recipient.address}{origin}: {recipient.reason}", "green"
    printed = len(mail.passed_over) if mail.loop is None else 0
    for rejected in mail.rejected[printed:]:
        yield "Not used", f"{rejected.value}: {rejected.reason}", "yellow"
    if mail.park_reason is not None:
        yield "Parked", mail.park_reason, "yellow"
    yield "Target", mail.target, "bold"
    if mail.identity is not None:
        yield "Identity", mail.identity, "bold"


def _trusted(lines: TrustedLines) -> str:
    if not lines.is_vouched:
        return "no Received line, so nothing in the header is vouched for"
    if not lines.trusted:
        return f"none of the {lines.total} Received lines is by a trusted host"
    hosts = ", ".join(dict.fromkeys(quoted(host) or "(no host)" for host in lines.hosts[:MAX_HOSTS]))
    return f"{lines.trusted} of {lines.total} Received lines, by {hosts}"
