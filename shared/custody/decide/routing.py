"""Which recipients of a mail are opened, wait for a copy, or are suppressed, by their claims (rule 2)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from math import inf

from shared.contract.journal import RecipientRouted, Routed
from shared.custody.commands import ChosenRecipient, RoutedMail
from shared.custody.state import ClaimKey, ClaimView, Message, Recipient
from shared.model.message import TERMINAL, MessageStatus, RecipientStatus

NOBODY = ""
SERVED_BY_ITSELF = TERMINAL - {RecipientStatus.SUPPRESSED}


def awaits_routing(message: Message, mail: RoutedMail) -> bool:
    """Return whether `mail` is the routing that the message waits for, and the first one."""
    return message.fetch_no == mail.fetch_no and message.status is MessageStatus.FETCHED


def claims_needed(message: Message, mail: RoutedMail) -> list[ClaimKey]:
    """Return the claims on which the routing of `mail` depends."""
    return [
        ClaimKey(message.tenant, chosen.address, mail.identity)
        for chosen in _still_to_serve(message, mail)
        if not chosen.parked
    ]


def may_be_surplus(message: Message, mail: RoutedMail, holders: Mapping[ClaimKey, str]) -> bool:
    """Return whether `mail` may be a surplus copy, for somebody whom its header does not name.

    It says who gets a surplus copy, it has not served anybody, and all its recipients are served by copies
    of it: the `holders` of the claims.
    """
    if mail.surplus is None or mail.park_reason is not None:
        return False
    address = mail.surplus.recipient.address
    if address in message.recipients or any(each.address == address for each in mail.recipients):
        return False
    if any(each.status in SERVED_BY_ITSELF for each in message.recipients.values()):
        return False
    wanted = claims_needed(message, mail)
    return bool(wanted) and all(holders.get(key, message.id) != message.id for key in wanted)


def surplus_claim(message: Message, mail: RoutedMail) -> ClaimKey | None:
    """Return the claim on which a surplus copy depends; None where the copy is to be parked."""
    if mail.surplus is None or mail.surplus.recipient.parked:
        return None
    return ClaimKey(message.tenant, mail.surplus.recipient.address, mail.identity)


def claims_of_near_identities(message: Message, mail: RoutedMail) -> list[ClaimKey]:
    """Return the claims that tell whether the mail is a copy of one from minutes before or after."""
    return [key for each in mail.near for key in claims_needed(message, mail._replace(identity=each))]


def match_identity(message: Message, mail: RoutedMail, claimed: Container[ClaimKey]) -> RoutedMail:
    """Return the mail under the identity by which it is `claimed`: its own, or else the nearest.

    A mail that was routed before keeps the identity that it had then.
    """
    if not mail.near or message.identity == mail.identity:
        return mail
    if message.identity in mail.near:
        return mail._replace(identity=message.identity)
    for each in (mail.identity, *mail.near):
        candidate = mail._replace(identity=each)
        if any(key in claimed for key in claims_needed(message, candidate)):
            return candidate
    return mail


def route(
    message: Message | None,
    mail: RoutedMail,
    claims: Mapping[ClaimKey, ClaimView],
    now: float,
    lease: float,
    longest: float = inf,
    *,
    is_surplus: bool = False,
) -> Routed | None:
    """Record the recipients. Each is opened, waits or is suppressed, by its claim (rule 2).

    A recipient that was deferred before stays deferred until its next attempt is due, at most `longest`
    seconds ahead. A later time was set by a wrong clock.

    A mail that `is_surplus` gets the recipient for surplus copies as well, unless it must serve one of its
    own recipients after all.
    """
    if message is None or not awaits_routing(message, mail):
        return None
    if mail.park_reason is not None:
        require_raw_mail(message, mail.blob)
    lease_until = now + lease
    recipients = []
    chosen_now = [*_still_to_serve(message, mail)]
    if is_surplus and mail.surplus is not None and _all_by_others(message, mail, claims, now):
        chosen_now.append(mail.surplus.recipient)
    for chosen in chosen_now:
        if chosen.parked:
            require_raw_mail(message, mail.blob)
            recipients.append(routed_as(chosen, RecipientStatus.PARKED, None))
            continue
        view = claims.get(ClaimKey(message.tenant, chosen.address, mail.identity))
        before = message.recipients.get(chosen.address)
        status = _status_by_claim(message.id, view, now)
        if status is RecipientStatus.WAITING and view is not None and view.holder_lease_until is not None:
            lease_until = max(lease_until, view.holder_lease_until)
        elif status is RecipientStatus.OPEN and before is not None and before.target == mail.target:
            due_at = _due_at(before, now, longest)
            if due_at is not None:
                status = RecipientStatus.DEFERRED
                lease_until = max(lease_until, due_at + lease)
        recipients.append(routed_as(chosen, status, before))
    if mail.park_reason is not None and NOBODY not in message.recipients:
        recipients.append(
            routed_as(ChosenRecipient(NOBODY, "", mail.park_reason), RecipientStatus.PARKED, None)
        )
    return Routed(
        message=message.id,
        at=now,
        fetch_no=message.fetch_no,
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


def _still_to_serve(message: Message, mail: RoutedMail) -> Iterable[ChosenRecipient]:
    """Return the recipients chosen now and before, without those that are done.

    What was promised is kept. A recipient that was to be served before is not parked now and is not
    replaced.
    """
    if not message.recipients:
        return {each.address: each for each in mail.recipients}.values()
    chosen = {
        each.address: ChosenRecipient(each.address, each.original, each.reason)
        for each in message.recipients.values()
    }
    for each in mail.recipients:
        if each.address in chosen:
            chosen[each.address] = each._replace(parked=False)
        elif not each.stands_for or not chosen.keys() >= {*each.stands_for}:
            chosen[each.address] = each
    done = {each.address for each in message.recipients.values() if each.status in TERMINAL}
    return [each for address, each in chosen.items() if address not in done]


def _all_by_others(
    message: Message, mail: RoutedMail, claims: Mapping[ClaimKey, ClaimView], now: float
) -> bool:
    return all(
        _status_by_claim(message.id, claims.get(key), now) is not RecipientStatus.OPEN
        for key in claims_needed(message, mail)
    )


def _due_at(recipient: Recipient, now: float, longest: float) -> float | None:
    """Return when the next attempt at a deferred recipient is due; None where it need not wait."""
    due_at = recipient.next_attempt_at
    if recipient.status is not RecipientStatus.DEFERRED or due_at is None:
        return None
    return due_at if now < due_at <= now + longest else None


def _status_by_claim(holder: str, view: ClaimView | None, now: float) -> RecipientStatus:
    if view is None or view.claim.holder == holder:
        return RecipientStatus.OPEN
    if view.claim.done:
        return RecipientStatus.SUPPRESSED
    return RecipientStatus.WAITING if view.is_alive(now) else RecipientStatus.OPEN


def routed_as(chosen: ChosenRecipient, status: RecipientStatus, before: Recipient | None) -> RecipientRouted:
    """Return the recipient as chosen. A known recipient keeps its destination."""
    return RecipientRouted(
        address=chosen.address,
        destination=before.destination if before else chosen.address,
        original=chosen.original,
        reason=chosen.reason,
        status=status,
    )


def require_raw_mail(message: Message, blob: str | None) -> None:
    """Raise ValueError where the raw mail is in no blob: a mistake in Mailferry (rule 3)."""
    if blob is None and message.blob is None:
        raise ValueError(f"message {message.id} may only be parked once its raw mail is held in a blob")
