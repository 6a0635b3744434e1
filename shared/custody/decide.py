"""Which change is allowed: the seven rules of custody as functions from state and wish to journal entries.

Every function returns None (or no entries) where the wish is stale: the state has moved on, and the event
that carried the wish is to be dropped. Nothing here knows a database; the caller guarantees that the state it
passes is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf

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
    RecipientRouted,
    Renamed,
    Republished,
    Routed,
    WaitingResolved,
)
from shared.custody.commands import Attempt, ChosenRecipient, FetchedMail, NewPlace, Outcomes, RoutedMail
from shared.custody.state import CONCLUDED, ClaimKey, ClaimView, Message, Recipient
from shared.model.message import DUE, IN_FLIGHT, PENDING, TERMINAL, MessageStatus, RecipientStatus

NOBODY = ""
NEARLY = 0.9
"""A lease of which so much is left needs no extension: an attempt right after the mail was fetched, as nearly
all are, then leaves the message as it is.
"""
UNROUTED = frozenset({MessageStatus.FETCHED, MessageStatus.LOST})


def fetched(known: Message | None, mail: FetchedMail, account: str, now: float, lease: float) -> list[Entry]:
    """A mail was read: for the first time, or again because its event never came back."""
    if (known.fetch_no if known else 0) != mail.known_fetch_no:
        return []
    entries: list[Entry] = []
    if known is not None:
        if known.gone_at is not None or known.status not in IN_FLIGHT | {MessageStatus.LOST}:
            return []
        entries += lost(known, "fetched again", now)
    entries.append(
        Fetched(
            message=mail.message,
            at=now,
            tenant=mail.tenant,
            account=account,
            key=mail.key,
            fetch_no=mail.known_fetch_no + 1,
            listed_size=mail.listed_size,
            octets=mail.octets,
            fetcher=mail.fetcher,
            lease_until=now + lease,
            blob=mail.blob,
            header=mail.header,
            content=mail.content,
            spooled=mail.spooled,
        )
    )
    return entries


def republished(
    known: Message, fetcher: str, now: float, lease: float, longest: float = inf
) -> list[Entry] | None:
    """A mail that only its blob can serve sets out again once its event is lost (rule 6); None where it may
    still be on its way.

    `longest` is how far ahead a lease can honestly end: one beyond that was set by a clock that was wrong.
    """
    if (
        known.blob is None
        or not known.unbacked
        or is_on_its_way(known.status, known.lease_until, now, longest)
    ):
        return None
    again = Republished(
        message=known.id, at=now, fetch_no=known.fetch_no + 1, fetcher=fetcher, lease_until=now + lease
    )
    return [*lost(known, "its lease ran out", now), again]


def is_on_its_way(status: MessageStatus, lease_until: float, now: float, longest: float = inf) -> bool:
    """Whether a mail's event may still come back; `longest` as for `republished`."""
    return status in IN_FLIGHT and now < lease_until <= now + longest


def renamed(known: Message | None, place: NewPlace, now: float) -> Renamed | None:
    """A mail that no listing showed under its key any more is there under another one."""
    if known is None or known.gone_at is not None or known.key == place.key:
        return None
    return Renamed(message=known.id, at=now, key=place.key, listed_size=place.listed_size)


def awaits_routing(known: Message, mail: RoutedMail) -> bool:
    """Whether `mail` is what the router was to find out about the message, and the first to say so."""
    return known.fetch_no == mail.fetch_no and known.status is MessageStatus.FETCHED


def claims_wanted(known: Message, mail: RoutedMail) -> list[ClaimKey]:
    """The claims on which the routing of `mail` depends."""
    return [
        ClaimKey(known.tenant, chosen.address, mail.identity)
        for chosen in _still_to_serve(known, mail)
        if not chosen.parked
    ]


def _require_raw_mail(known: Message, blob: str | None) -> None:
    """Rule 3. Who parks has stored the mail before; not to have done so is an error in Mailferry."""
    if blob is None and known.blob is None:
        raise ValueError(f"message {known.id} may only be parked once its raw mail is held in a blob")


def routed(
    known: Message | None, mail: RoutedMail, claims: Mapping[ClaimKey, ClaimView], now: float, lease: float
) -> Routed | None:
    """The recipients were resolved; each is opened, waits, or is suppressed, as its claim says (rule 2)."""
    if known is None or not awaits_routing(known, mail):
        return None
    if mail.park_reason is not None:
        _require_raw_mail(known, mail.blob)
    lease_until = now + lease
    recipients = []
    for chosen in _still_to_serve(known, mail):
        if chosen.parked:
            _require_raw_mail(known, mail.blob)
            recipients.append(_routed_as(chosen, RecipientStatus.PARKED, None))
            continue
        view = claims.get(ClaimKey(known.tenant, chosen.address, mail.identity))
        status = _status_by_claim(known.id, view, now)
        if status is RecipientStatus.WAITING and view is not None and view.holder_lease_until is not None:
            lease_until = max(lease_until, view.holder_lease_until)
        recipients.append(_routed_as(chosen, status, known.recipients.get(chosen.address)))
    if mail.park_reason is not None and NOBODY not in known.recipients:
        recipients.append(
            _routed_as(ChosenRecipient(NOBODY, "", mail.park_reason), RecipientStatus.PARKED, None)
        )
    return Routed(
        message=known.id,
        at=now,
        fetch_no=known.fetch_no,
        identity=mail.identity,
        message_id=mail.message_id,
        reverse_path=mail.reverse_path,
        target=mail.target,
        evidence=mail.evidence,
        evidence_value=mail.evidence_value,
        rejected=mail.rejected,
        recipients=tuple(recipients),
        lease_until=lease_until,
        blob=mail.blob,
    )


def _still_to_serve(known: Message, mail: RoutedMail) -> Iterable[ChosenRecipient]:
    """Those chosen now and before, without the ones that are done: a promise once made is kept.

    So who was to be served before is not parked now, and nobody is served in his place.
    """
    if not known.recipients:
        return {each.address: each for each in mail.recipients}.values()
    chosen = {
        each.address: ChosenRecipient(each.address, each.original, each.reason)
        for each in known.recipients.values()
    }
    for each in mail.recipients:
        if each.address in chosen:
            chosen[each.address] = each._replace(parked=False)
        elif not each.stands_for or not chosen.keys() >= {*each.stands_for}:
            chosen[each.address] = each
    done = {each.address for each in known.recipients.values() if each.status in TERMINAL}
    return [each for address, each in chosen.items() if address not in done]


def _status_by_claim(message: str, view: ClaimView | None, now: float) -> RecipientStatus:
    if view is None or view.claim.holder == message:
        return RecipientStatus.OPEN
    if view.claim.done:
        return RecipientStatus.SUPPRESSED
    return RecipientStatus.WAITING if view.is_alive(now) else RecipientStatus.OPEN


def _routed_as(chosen: ChosenRecipient, status: RecipientStatus, known: Recipient | None) -> RecipientRouted:
    return RecipientRouted(
        address=chosen.address,
        destination=known.destination if known else chosen.address,
        original=chosen.original,
        reason=chosen.reason,
        status=status,
    )


def begun(known: Message | None, wish: Attempt, now: float, lease: float) -> DeliveryBegun | None:
    """An attempt may begin at those recipients whose attempt number is still the one the event knew."""
    if known is None or known.fetch_no != wish.fetch_no:
        return None
    if known.status in UNROUTED:
        return None
    due = tuple(
        address
        for address, attempt in wish.recipients
        if (recipient := known.recipients.get(address))
        and (recipient.status in DUE or _is_abandoned(recipient, now))
        and recipient.attempt == attempt
    )
    if not due:
        return None
    fresh = known.lease_until >= now + NEARLY * lease
    lease_until = known.lease_until if fresh else now + lease
    return DeliveryBegun(message=known.id, at=now, addresses=due, worker=wish.worker, lease_until=lease_until)


def _is_abandoned(recipient: Recipient, now: float) -> bool:
    """Whether an attempt at what an operator wanted retried has had its time and nobody saw its end."""
    return (
        recipient.status is RecipientStatus.ATTEMPTING
        and recipient.next_attempt_at is not None
        and recipient.next_attempt_at <= now
    )


def ended(known: Message | None, wish: Outcomes, now: float, lease: float) -> DeliveryEnded | None:
    """An attempt ended. A success is recorded whenever it comes; anything else only by the attempt's
    owner.
    """
    if known is None:
        return None
    outcomes = tuple(outcome for outcome, attempt in wish.outcomes if _is_news(known, outcome, attempt))
    if not outcomes:
        return None
    if any(each.status is RecipientStatus.PARKED for each in outcomes):
        _require_raw_mail(known, wish.blob)
    next_attempts = [each.next_attempt_at for each in outcomes if each.next_attempt_at is not None]
    lease_until = max([known.lease_until, *(at + lease for at in next_attempts)])
    return DeliveryEnded(message=known.id, at=now, outcomes=outcomes, lease_until=lease_until, blob=wish.blob)


def _is_news(known: Message, outcome: RecipientOutcome, attempt: int) -> bool:
    recipient = known.recipients.get(outcome.address)
    if recipient is None or recipient.status in TERMINAL:
        return False
    if outcome.status is RecipientStatus.DELIVERED:
        return True
    return recipient.status is RecipientStatus.ATTEMPTING and recipient.attempt == attempt


def waiting_resolved(
    known: Message, address: str, holder: str, *, arrived: bool, now: float
) -> WaitingResolved | None:
    """The identical mail that this one waited for has arrived, or failed for good: then this one is
    needed.
    """
    recipient = known.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.WAITING:
        return None
    status = RecipientStatus.SUPPRESSED if arrived else RecipientStatus.OPEN
    return WaitingResolved(message=known.id, at=now, address=address, holder=holder, status=status)


def lost(known: Message, reason: str, now: float) -> list[Entry]:
    """The mail's event will not come back."""
    if known.status not in IN_FLIGHT:
        return []
    return [Lost(message=known.id, at=now, reason=reason)]


def deleting(known: Message | None, now: float) -> list[Entry] | None:
    """The deletion at the source may go ahead (rule 1); None where it may not. A second time is no news."""
    if known is None:
        return None
    if known.status is MessageStatus.DELETING:
        return []
    return [Deleting(message=known.id, at=now)] if known.status is MessageStatus.SETTLED else None


def gone(known: Message | None, reason: str, now: float) -> Gone | None:
    """A listing lacks the mail, or shows another one under its key (rules 5 and 7)."""
    if known is None or known.gone_at is not None or known.status is MessageStatus.GONE:
        return None
    early = known.status in IN_FLIGHT or known.status is MessageStatus.LOST
    return Gone(message=known.id, at=now, reason=reason, early=early)


def is_forgettable(known: Message, gone_before: float) -> bool:
    """Whether nothing is left to be done for a mail that its source has not had since before this time."""
    return (
        known.status is MessageStatus.GONE
        and known.gone_at is not None
        and known.gone_at < gone_before
        and all(
            each.status in TERMINAL and each.status is not RecipientStatus.PARKED
            for each in known.recipients.values()
        )
    )


def blob_lost(known: Message | None, blob: str, reason: str, now: float) -> list[Entry]:
    """The blob that held the mail is no more. Where the source cannot give the mail again, those who are not
    served are parked, so that somebody is told.
    """
    if known is None or known.blob != blob:
        return []
    entries: list[Entry] = [BlobLost(message=known.id, at=now, reason=reason)]
    if known.gone_at is None and known.status not in CONCLUDED:
        return entries
    pending = [each for each in known.recipients.values() if each.status in PENDING]
    if known.status in UNROUTED:
        entries.append(_routed_to_park(known, pending, reason, now))
    elif pending:
        outcomes = tuple(_parked_for(each, reason) for each in pending)
        entries.append(
            DeliveryEnded(message=known.id, at=now, outcomes=outcomes, lease_until=known.lease_until)
        )
    return entries


def _parked_for(recipient: Recipient, reason: str) -> RecipientOutcome:
    return RecipientOutcome(
        address=recipient.address,
        status=RecipientStatus.PARKED,
        code="",
        text=reason,
        destination=recipient.destination,
    )


def _routed_to_park(known: Message, pending: Sequence[Recipient], reason: str, now: float) -> Routed:
    chosen = [ChosenRecipient(each.address, each.original, reason) for each in pending]
    if not known.recipients:
        chosen = [ChosenRecipient(NOBODY, "", reason)]
    return Routed(
        message=known.id,
        at=now,
        fetch_no=known.fetch_no,
        identity=known.identity,
        message_id=known.message_id,
        reverse_path=known.reverse_path,
        target=known.target,
        evidence=known.evidence,
        rejected=(),
        recipients=tuple(
            _routed_as(each, RecipientStatus.PARKED, known.recipients.get(each.address)) for each in chosen
        ),
        lease_until=known.lease_until,
    )


def retried(
    known: Message, address: str, destination: str | None, target: str | None, now: float
) -> ParkedRetried | None:
    """An operator wants another attempt at a parked recipient."""
    recipient = known.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.PARKED or known.blob is None:
        return None
    return ParkedRetried(
        message=known.id,
        at=now,
        address=address,
        destination=destination or recipient.destination,
        target=target or recipient.target,
    )


def discarded(known: Message, address: str, now: float) -> ParkedDiscarded | None:
    """An operator gives a parked recipient up."""
    recipient = known.recipients.get(address)
    if recipient is None or recipient.status is not RecipientStatus.PARKED:
        return None
    return ParkedDiscarded(message=known.id, at=now, address=address)
