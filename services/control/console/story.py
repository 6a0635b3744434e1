"""A mail's story and the state of its recipients, as texts of the console with their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from services.control.console.navigation import text
from shared.contract.journal import (
    BlobLost,
    Deleting,
    DeliveryBegun,
    DeliveryEnded,
    Entry,
    Fetched,
    Gone,
    Lost,
    ParkedDiscarded,
    ParkedRetried,
    RecipientOutcome,
    Renamed,
    Republished,
    Routed,
    WaitingResolved,
)
from shared.custody.state import Message
from shared.model.message import MessageStatus, RecipientStatus


class Label(NamedTuple):
    """A state: its text, its icon and the colour of a light."""

    text: str
    icon: str
    colour: str


class Line(NamedTuple):
    """A line of a step: a text with its values, and words of a server or a mail, shown as a quotation."""

    text: str
    values: Mapping[str, object]
    quote: str = ""


class Step(NamedTuple):
    """What happened at a time, with details."""

    at: float
    icon: str
    text: str
    values: Mapping[str, object]
    lines: Sequence[Line] = ()


RECIPIENTS: Mapping[RecipientStatus, Label] = {
    RecipientStatus.OPEN: Label(text("to be delivered"), "hourglass", "white"),
    RecipientStatus.ATTEMPTING: Label(text("is being delivered"), "send", "white"),
    RecipientStatus.DELIVERED: Label(text("delivered"), "circle-check", "green"),
    RecipientStatus.DEFERRED: Label(text("is tried again"), "clock", "yellow"),
    RecipientStatus.PARKED: Label(text("parked"), "alert-triangle", "red"),
    RecipientStatus.WAITING: Label(text("waits for a copy on its way"), "copy", "white"),
    RecipientStatus.SUPPRESSED: Label(text("has it already"), "copy", "green"),
    RecipientStatus.DISCARDED: Label(text("given up"), "ban", "white"),
}
MAILS: Mapping[MessageStatus, Label] = {
    MessageStatus.FETCHED: Label(text("recipients are being found"), "route", "white"),
    MessageStatus.ROUTED: Label(text("on its way"), "send", "white"),
    MessageStatus.SETTLED: Label(text("done"), "circle-check", "green"),
    MessageStatus.DELETING: Label(text("done"), "circle-check", "green"),
    MessageStatus.GONE: Label(text("done"), "circle-check", "green"),
    MessageStatus.LOST: Label(text("is fetched again"), "refresh", "yellow"),
}
LOST = Label(text("lost at the source"), "mail-off", "red")
WORST_FIRST = (RecipientStatus.PARKED, RecipientStatus.DEFERRED, RecipientStatus.DISCARDED)


def label_of(message: Message) -> Label:
    """Return how a mail stands: by the recipient that needs most attention, else by the mail itself."""
    if message.is_lost_at_source:
        return LOST
    states = {each.status for each in message.recipients.values()}
    for status in WORST_FIRST:
        if status in states:
            return RECIPIENTS[status]
    return MAILS[message.status]


def story_of(entries: Sequence[Entry]) -> list[Step]:
    """Return the steps of a mail, the first one first. What only renews a lease is left out."""
    return [step for each in entries if (step := _step(each)) is not None]


def _step(entry: Entry) -> Step | None:
    match entry:
        case Fetched(fetch_no=number, account=account):
            told = text("Fetched from %(account)s") if number == 1 else text("Fetched again from %(account)s")
            return Step(entry.at, "mailbox", told, {"account": account})
        case Routed(evidence=evidence):
            told = text("Recipients found by %(evidence)s")
            return Step(entry.at, "route", told, {"evidence": evidence}, [*_routed(entry)])
        case DeliveryBegun() | DeliveryEnded() | WaitingResolved():
            return _delivery(entry)
        case ParkedRetried() | ParkedDiscarded():
            return _decision(entry)
        case _:
            return _at_source(entry)


def _delivery(entry: DeliveryBegun | DeliveryEnded | WaitingResolved) -> Step:
    match entry:
        case DeliveryBegun(addresses=addresses):
            told = text("Delivery to %(addresses)s begun")
            return Step(entry.at, "send", told, {"addresses": ", ".join(each or "–" for each in addresses)})
        case DeliveryEnded(outcomes=outcomes):
            told = text("The target has answered")
            return Step(entry.at, "server", told, {}, [_outcome(each) for each in outcomes])
        case WaitingResolved(address=address, status=status):
            told = text("The copy for %(address)s failed; this mail is delivered")
            if status is RecipientStatus.SUPPRESSED:
                told = text("A copy has arrived at %(address)s; not delivered again")
            return Step(entry.at, "copy", told, {"address": address})


def _decision(entry: ParkedRetried | ParkedDiscarded) -> Step:
    values = {"address": entry.address or "–"}
    match entry:
        case ParkedRetried(destination=destination, target=target):
            told = text("Somebody had it delivered again: %(address)s, to %(destination)s at %(target)s")
            values |= {"destination": destination, "target": target}
            return Step(entry.at, "rotate-clockwise", told, values)
        case ParkedDiscarded():
            return Step(entry.at, "ban", text("Somebody gave it up for %(address)s"), values)


def _at_source(entry: Entry) -> Step | None:
    match entry:
        case Republished():
            return Step(entry.at, "refresh", text("Sent on its way again from the kept copy"), {})
        case Renamed():
            return Step(entry.at, "mailbox", text("Recognised at the source under another number"), {})
        case BlobLost(reason=reason) | Lost(reason=reason):
            return Step(entry.at, "alert-triangle", text("Lost on its way"), {}, [Line("", {}, reason)])
        case Deleting():
            return Step(entry.at, "trash", text("Every recipient is done: may be deleted at the source"), {})
        case Gone(reason=reason):
            return Step(entry.at, "circle-check", text("No longer at the source"), {}, [Line("", {}, reason)])
        case _:
            return None


def _routed(entry: Routed) -> Iterator[Line]:
    if entry.evidence_value:
        yield Line(text("Found there:"), {}, entry.evidence_value)
    for each in entry.recipients:
        address = each.address or "–"
        if each.destination and each.destination != each.address:
            values = {"address": address, "destination": each.destination}
            yield Line(text("%(address)s, delivered as %(destination)s"), values, each.reason)
        else:
            yield Line("%(address)s", {"address": address}, each.reason)
    for rejected in entry.rejected:
        yield Line(text("Not used:"), {}, rejected)


def _outcome(outcome: RecipientOutcome) -> Line:
    values = {"address": outcome.address or "–"}
    quote = outcome.text or outcome.code
    match outcome.status:
        case RecipientStatus.DELIVERED:
            return Line(text("%(address)s: delivered"), values, quote)
        case RecipientStatus.DEFERRED if outcome.destination != outcome.address:
            values["destination"] = outcome.destination
            return Line(text("%(address)s: goes to %(destination)s instead"), values, quote)
        case RecipientStatus.DEFERRED if outcome.in_doubt:
            return Line(text("%(address)s: the answer was lost; is tried again"), values, quote)
        case RecipientStatus.DEFERRED:
            return Line(text("%(address)s: refused for now; is tried again"), values, quote)
        case RecipientStatus.PARKED:
            return Line(text("%(address)s: refused; parked"), values, quote)
        case _:
            return Line("%(address)s", values, quote)
