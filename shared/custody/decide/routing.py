"""Who gets a mail: each recipient is opened, waits, or is suppressed, as his claim says (rule 2)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from math import inf

from shared.contract.journal import RecipientRouted, Routed
from shared.custody.commands import ChosenRecipient, RoutedMail
from shared.custody.decide.raw_mail import require_raw_mail
from shared.custody.state import ClaimKey, ClaimView, Message, Recipient
from shared.model.message import TERMINAL, MessageStatus, RecipientStatus

NOBODY = ""
SERVED_BY_ITSELF = TERMINAL - {RecipientStatus.SUPPRESSED}


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


def may_be_surplus(known: Message, mail: RoutedMail, holders: Mapping[ClaimKey, str]) -> bool:
    """Whether `mail` may be a copy for somebody whom its header does not name: it says what becomes of one,
    has not served anybody, and all its recipients are served by identical mails, the `holders` of the claims.
    """
    if mail.surplus is None or mail.park_reason is not None:
        return False
    address = mail.surplus.recipient.address
    if address in known.recipients or any(each.address == address for each in mail.recipients):
        return False
    if any(each.status in SERVED_BY_ITSELF for each in known.recipients.values()):
        return False
    wanted = claims_wanted(known, mail)
    return bool(wanted) and all(holders.get(key, known.id) != known.id for key in wanted)


def surplus_claim(known: Message, mail: RoutedMail) -> ClaimKey | None:
    """The claim on which a surplus copy depends; None where it is to be parked."""
    if mail.surplus is None or mail.surplus.recipient.parked:
        return None
    return ClaimKey(known.tenant, mail.surplus.recipient.address, mail.identity)


def claims_near(known: Message, mail: RoutedMail) -> list[ClaimKey]:
    """The claims that tell whether the mail is one that came minutes before or after."""
    return [key for each in mail.near for key in claims_wanted(known, mail._replace(identity=each))]


def identified(known: Message, mail: RoutedMail, claimed: Container[ClaimKey]) -> RoutedMail:
    """The mail under the identity by which its recipients are `claimed`: its own or, failing that, the
    nearest. One that was routed before keeps the identity that it had then.
    """
    if not mail.near or known.identity == mail.identity:
        return mail
    if known.identity in mail.near:
        return mail._replace(identity=known.identity)
    for each in (mail.identity, *mail.near):
        candidate = mail._replace(identity=each)
        if any(key in claimed for key in claims_wanted(known, candidate)):
            return candidate
    return mail


def routed(
    known: Message | None,
    mail: RoutedMail,
    claims: Mapping[ClaimKey, ClaimView],
    now: float,
    lease: float,
    longest: float = inf,
    *,
    is_surplus: bool = False,
) -> Routed | None:
    """The recipients were resolved; each is opened, waits, or is suppressed, as its claim says (rule 2).

    Who was deferred before stays that until his next attempt is due, at most `longest` seconds ahead: what is
    beyond, a clock gave that was wrong.

    Where the mail `is_surplus`, as there are more copies than recipients, the one for such copies gets it,
    too, unless a recipient has to be served by it after all.
    """
    if known is None or not awaits_routing(known, mail):
        return None
    if mail.park_reason is not None:
        require_raw_mail(known, mail.blob)
    lease_until = now + lease
    recipients = []
    chosen_now = [*_still_to_serve(known, mail)]
    if is_surplus and mail.surplus is not None and _all_by_others(known, mail, claims, now):
        chosen_now.append(mail.surplus.recipient)
    for chosen in chosen_now:
        if chosen.parked:
            require_raw_mail(known, mail.blob)
            recipients.append(routed_as(chosen, RecipientStatus.PARKED, None))
            continue
        view = claims.get(ClaimKey(known.tenant, chosen.address, mail.identity))
        before = known.recipients.get(chosen.address)
        status = _status_by_claim(known.id, view, now)
        if status is RecipientStatus.WAITING and view is not None and view.holder_lease_until is not None:
            lease_until = max(lease_until, view.holder_lease_until)
        elif status is RecipientStatus.OPEN and before is not None and before.target == mail.target:
            due_at = _due_at(before, now, longest)
            if due_at is not None:
                status = RecipientStatus.DEFERRED
                lease_until = max(lease_until, due_at + lease)
        recipients.append(routed_as(chosen, status, before))
    if mail.park_reason is not None and NOBODY not in known.recipients:
        recipients.append(
            routed_as(ChosenRecipient(NOBODY, "", mail.park_reason), RecipientStatus.PARKED, None)
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


def _all_by_others(
    known: Message, mail: RoutedMail, claims: Mapping[ClaimKey, ClaimView], now: float
) -> bool:
    return all(
        _status_by_claim(known.id, claims.get(key), now) is not RecipientStatus.OPEN
        for key in claims_wanted(known, mail)
    )


def _due_at(recipient: Recipient, now: float, longest: float) -> float | None:
    """When the next attempt at who was deferred is due; None where he need not wait."""
    due_at = recipient.next_attempt_at
    if recipient.status is not RecipientStatus.DEFERRED or due_at is None:
        return None
    return due_at if now < due_at <= now + longest else None


def _status_by_claim(message: str, view: ClaimView | None, now: float) -> RecipientStatus:
    if view is None or view.claim.holder == message:
        return RecipientStatus.OPEN
    if view.claim.done:
        return RecipientStatus.SUPPRESSED
    return RecipientStatus.WAITING if view.is_alive(now) else RecipientStatus.OPEN


def routed_as(chosen: ChosenRecipient, status: RecipientStatus, known: Recipient | None) -> RecipientRouted:
    """The recipient as chosen; where he was known before, his destination stays what it was."""
    return RecipientRouted(
        address=chosen.address,
        destination=known.destination if known else chosen.address,
        original=chosen.original,
        reason=chosen.reason,
        status=status,
    )
