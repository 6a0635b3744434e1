"""The tables of the demo: each mail with its recipients and outcome; what is left at the source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from services.cli.mail_columns import DELIVERED, KEPT, PARKED, WAITING
from services.cli.output import Column, print_table
from services.standalone.demo.letters import Letter
from services.standalone.demo.run import DemoResult
from services.standalone.demo.settings import ACCOUNTS, account_id
from shared.custody.state import Message, Recipient
from shared.model.message import RecipientStatus

LETTERS = (
    Column("mail", "Mail"),
    Column("evidence", "Found in", optional=True),
    Column("recipients", "For"),
    Column("outcome", "Outcome"),
)
SOURCE = (
    Column("mailbox", "Mailbox", whole=True),
    Column("fetched", "Fetched", number=True, whole=True),
    DELIVERED,
    PARKED,
    Column("deleted", "Deleted", number=True, whole=True),
    WAITING,
    KEPT,
)
STYLES = {
    RecipientStatus.DELIVERED: "green",
    RecipientStatus.SUPPRESSED: "dim",
    RecipientStatus.PARKED: "yellow",
}
_EVIDENCE = re.compile(r"(?P<kind>\S+) ?(?P<field>.*?) \((?:certain|high|low) confidence\)")


def print_letters(screen: Console, result: DemoResult) -> None:
    """Print a row for each mail."""
    print_table(screen, [_letter_row(letter, result) for letter in result.letters], LETTERS)


def print_mailboxes(screen: Console, result: DemoResult) -> None:
    """Print a row for each mailbox at the source."""
    passes = {each.account: each for each in result.passes}
    rows = [{"mailbox": box, **asdict(passes[account_id(box)])} for box in ACCOUNTS]
    print_table(screen, rows, SOURCE)


def _letter_row(letter: Letter, result: DemoResult) -> dict[str, object]:
    message = result.findings.messages.get((letter.mailbox, letter.uid))
    if message is None:
        return {"mail": letter.title, "outcome": Text("was not fetched", style="red")}
    recipients = list(message.recipients.values())
    return {
        "mail": letter.title,
        "evidence": _evidence(message),
        "recipients": ", ".join(_short(each.address) for each in recipients),
        "outcome": _outcomes(recipients),
    }


def _evidence(message: Message) -> str:
    match = _EVIDENCE.match(message.evidence)
    if match is None:
        return message.evidence
    names = {"single-user": "the account", "none": "nothing"}
    return match["field"] or names.get(match["kind"], match["kind"])


def _short(address: str) -> str:
    """The address without its domain."""
    return address.rpartition("@")[0] or "nobody"


def _outcomes(recipients: Sequence[Recipient]) -> Text:
    """One phrase if it is the same for all recipients, else one for each."""
    phrases = {each.address: _phrase(each) for each in recipients}
    if len({str(phrase) for phrase in phrases.values()}) == 1:
        return next(iter(phrases.values()))
    lines = [Text.assemble(f"{_short(address)}: ", phrase) for address, phrase in phrases.items()]
    return Text("\n").join(lines)


def _phrase(recipient: Recipient) -> Text:
    style = STYLES.get(recipient.status, "red")
    return Text(_words(recipient), style=style)


def _words(recipient: Recipient) -> str:
    match recipient.status:
        case RecipientStatus.DELIVERED if recipient.destination != recipient.address:
            return f"unknown at the target; delivered to {_short(recipient.destination)}"
        case RecipientStatus.DELIVERED if recipient.attempt > 1:
            return f"delivered, attempt {recipient.attempt}"
        case RecipientStatus.SUPPRESSED:
            return "suppressed: had an identical mail"
        case RecipientStatus.PARKED:
            return f"parked: {recipient.text or recipient.reason}"
        case status:
            return status.value
