"""Entries of the journal, and the state of a mail, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from shared.contract.journal import (
    BlobLost,
    Deleting,
    DeliveryBegun,
    DeliveryEnded,
    DeliveryProlonged,
    Entry,
    Fetched,
    Gone,
    Lost,
    ParkedDiscarded,
    ParkedRetried,
    RecipientOutcome,
    RecipientRouted,
    Renamed,
    Republished,
    Routed,
    WaitingResolved,
)
from shared.custody.state import Message, Recipient
from shared.model.mailbox import INBOX
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus
from shared.operations.wording import moment, octets

NOBODY = "nobody"
ROUTING_TEXTS = {
    RecipientStatus.OPEN: "to be delivered",
    RecipientStatus.DEFERRED: "to be delivered when its retry is due",
    RecipientStatus.WAITING: "waits for an identical mail that is on its way there",
    RecipientStatus.SUPPRESSED: "an identical mail has arrived there; not delivered again",
    RecipientStatus.PARKED: "parked",
}
MESSAGE_TEXTS = {
    MessageStatus.FETCHED: "fetched; its recipients are not known yet",
    MessageStatus.ROUTED: "on its way",
    MessageStatus.SETTLED: "settled: every recipient is done; the mail is still at the source",
    MessageStatus.DELETING: "settled; it is being deleted at the source, and the next visit confirms that",
    MessageStatus.GONE: "no longer at the source",
    MessageStatus.LOST: "to be fetched again",
}


def entry_lines(entry: Entry) -> list[str]:
    """Return what happened, in one line, and details in further ones."""
    match entry:
        case Routed():
            return list(_routed(entry))
        case DeliveryEnded(outcomes=outcomes):
            return [_outcome(each) for each in outcomes]
        case _:
            return [_line(entry)]


def _line(entry: Entry) -> str:
    match entry:
        case Fetched():
            return _fetched(entry)
        case DeliveryBegun(addresses=addresses, worker=worker):
            return f"delivery to {', '.join(addresses)} begun by relay {worker}"
        case DeliveryProlonged(addresses=addresses):
            return f"delivery to {', '.join(addresses)} takes long and goes on"
        case WaitingResolved(address=address, holder=holder, status=status):
            arrived = status is RecipientStatus.SUPPRESSED
            fate = "has arrived; not delivered again" if arrived else "was not delivered; this one is"
            return f"{address}: the identical mail {holder} {fate}"
        case Republished() | Renamed() | BlobLost() | Lost() | Deleting() | Gone():
            return _at_source(entry)
        case ParkedRetried(address=address, status=RecipientStatus.SUPPRESSED):
            return f"{address}: retried by an operator, but an identical mail has arrived there"
        case ParkedRetried(address=address, destination=destination, target=target):
            return f"{address or NOBODY}: retried by an operator, to {destination} at {target}"
        case ParkedDiscarded(address=address):
            return f"{address or NOBODY}: discarded by an operator"
        case _:
            return entry.wire_name


def _at_source(entry: Republished | Renamed | BlobLost | Lost | Deleting | Gone) -> str:
    match entry:
        case Republished(fetch_no=number, fetcher=fetcher):
            return f"published again from its blob (no. {number}) by {fetcher}"
        case Renamed(key=key):
            return f"recognised at the source under another UID: {_source_key(key)}"
        case BlobLost(reason=reason) | Lost(reason=reason):
            return f"lost: {reason}"
        case Deleting():
            return "deletion at the source allowed: every recipient is done"
        case Gone(reason=reason):
            return f"gone: {reason}"


def message_state(message: Message) -> str:
    """Return how a mail stands now; completes the sentence "It is ..."."""
    if message.is_lost_at_source:
        return "lost: it left the source before delivery; only an event on its way can still deliver it"
    if message.unbacked and message.gone_at is not None:
        return "no longer at the source, and delivered from its blob"
    return MESSAGE_TEXTS[message.status]


def recipient_state(recipient: Recipient) -> str:
    """Return how a recipient stands now, with the last answer."""
    parts = [recipient.status.value]
    if recipient.status is RecipientStatus.DEFERRED:
        parts.append(f"next attempt {moment(recipient.next_attempt_at)} UTC")
    if recipient.destination != recipient.address:
        parts.append(f"as {recipient.destination}")
    if recipient.in_doubt:
        parts.append(f"{recipient.in_doubt} in doubt")
    answer = recipient.text or (recipient.reason if recipient.status is RecipientStatus.PARKED else "")
    return ", ".join(parts) + (f": {answer}" if answer else "")


def _source_key(key: LedgerKey) -> str:
    """Return a mail's UID, and its folder unless that is INBOX."""
    return key.uid if key.folder == INBOX.folder else f"{key.uid} in the folder {key.folder}"


def _fetched(entry: Fetched) -> str:
    again = "" if entry.fetch_no == 1 else f" again (no. {entry.fetch_no})"
    blob = ", held in a blob" if entry.blob else ""
    return (
        f"fetched{again} from {entry.account} by {entry.fetcher}: UID {_source_key(entry.key)}, "
        f"{octets(entry.octets)}{blob}"
    )


def _routed(entry: Routed) -> Iterator[str]:
    yield f"routed by {entry.evidence} to target {entry.target}, sender <{entry.reverse_path}>"
    if entry.evidence_value:
        yield f"found: {entry.evidence_value}"
    for recipient in entry.recipients:
        yield f"{recipient.address or NOBODY}: {_reason(recipient)}; {ROUTING_TEXTS[recipient.status]}"
    for rejected in entry.rejected:
        yield f"not used: {rejected}"


def _reason(recipient: RecipientRouted) -> str:
    if recipient.original and recipient.original != recipient.address:
        return f"{recipient.original}, {recipient.reason}"
    return recipient.reason


def _outcome(outcome: RecipientOutcome) -> str:
    place = outcome.address
    answer = outcome.text or outcome.code or "no answer"
    match outcome.status:
        case RecipientStatus.DELIVERED:
            elsewhere = "" if outcome.destination == place else f" as {outcome.destination}"
            return f"{place}: delivered{elsewhere}: {answer}"
        case RecipientStatus.DEFERRED if outcome.destination != place:
            return f"{place}: {answer}; goes to {outcome.destination} instead"
        case RecipientStatus.DEFERRED:
            doubt = ", in doubt" if outcome.in_doubt else ""
            return f"{place}: deferred{doubt}: {answer}; next attempt {moment(outcome.next_attempt_at)} UTC"
        case _:
            return f"{place}: {outcome.status.value}: {answer}"
