"""What the router records: recipients, and the claims by which a second copy of a mail is recognised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.adapters.sql.claims import Claims, give_up_holder, views
from shared.adapters.sql.surplus import find_surplus, give_back_unused, take_for_surplus
from shared.adapters.sql.text import safe_routed
from shared.adapters.sql.unit_of_work import DoubtCount, Transaction, UnitOfWork
from shared.custody import decide
from shared.custody.claims import claim_after, claims_touched
from shared.custody.commands import RoutedMail, Settled
from shared.custody.settlement import settlement
from shared.custody.state import Claim, ClaimKey, ClaimView, Message, Recipient
from shared.model.message import DUE, UNROUTED, MessageStatus, RecipientStatus
from shared.ports.store import Serving


def record_routed(
    transaction: Transaction,
    doubts: DoubtCount,
    mails: Sequence[RoutedMail],
    now: float,
    lease: float,
    longest: float,
) -> tuple[list[Serving], list[Settled]]:
    """Record recipients and claims; a mail recorded before is served, or reported as settled, again."""
    mails = [*map(safe_routed, mails)]
    work, claims = UnitOfWork(transaction, doubts), Claims(transaction)
    work.load(mail.message for mail in mails)
    mails = _identified(work, claims, mails)
    wanted = _wanted(work, mails)
    claims.take(wanted)
    surplus = find_surplus(work, claims, mails, now)
    for_surplus = take_for_surplus(work, claims, surplus)
    known_views = _views_of_held(work, claims, {**for_surplus, **wanted})
    for mail in mails:
        entry = decide.route(
            work.messages.get(mail.message),
            mail,
            known_views,
            now,
            lease,
            longest,
            is_surplus=mail.message in surplus,
        )
        if entry is None:
            continue
        after = work.apply(entry)
        for key, status in claims_touched(after, entry):
            if status is RecipientStatus.OPEN:
                give_up_holder(work, known_views.get(key), after.id, now)
            if claim := claim_after(claims.held.get(key), after.id, status):
                claims.held[key] = claim
                known_views[key] = ClaimView(claim, after.status, after.lease_until, status)
    give_back_unused(work, claims, for_surplus)
    with transaction.bulk.together(transaction.connection):
        work.save()
        claims.save()
    return _published(work, mails)


def _identified(work: UnitOfWork, claims: Claims, mails: Sequence[RoutedMail]) -> Sequence[RoutedMail]:
    """The mails in their order, each with the identity by which its recipients are claimed.

    A mail sees the claims of those before it. Nothing is locked for that: of two copies whose minutes differ,
    and that two routers record at the same time, neither sees the other, so both are delivered.
    """
    if not any(mail.near for mail in mails):
        return mails
    awaiting = [
        (known, mail)
        for mail in mails
        if (known := work.messages.get(mail.message)) is not None and decide.awaits_routing(known, mail)
    ]
    claimed = claims.existing(
        key
        for known, mail in awaiting
        if mail.near
        for key in (*decide.claims_needed(known, mail), *decide.claims_of_near_identities(known, mail))
    )
    chosen: dict[str, RoutedMail] = {}
    for known, mail in awaiting:
        chosen[known.id] = each = decide.match_identity(known, mail, claimed)
        claimed.update(decide.claims_needed(known, each))
    return [chosen.get(mail.message, mail) if mail.near else mail for mail in mails]


def _wanted(work: UnitOfWork, mails: Sequence[RoutedMail]) -> dict[ClaimKey, str]:
    """The claims needed, each with the first message of the batch that needs it.

    That message gets the claim if nobody holds it.
    """
    wanted: dict[ClaimKey, str] = {}
    for mail in mails:
        known = work.messages.get(mail.message)
        if known is not None and decide.awaits_routing(known, mail):
            for key in decide.claims_needed(known, mail):
                wanted.setdefault(key, known.id)
    return wanted


def _views_of_held(
    work: UnitOfWork, claims: Claims, wanted: Mapping[ClaimKey, str]
) -> dict[ClaimKey, ClaimView]:
    """The claims that other messages hold, with what these are doing. Claims just taken are left out."""
    held = {key: claims.held[key] for key, message in wanted.items() if claims.held[key].holder != message}
    own = {key: _own_view(key, claim, work) for key, claim in held.items()}
    others = {key: claim for key, claim in held.items() if own[key] is None}
    return {key: view for key, view in own.items() if view} | views(work.transaction, others)


def _own_view(key: ClaimKey, claim: Claim, work: UnitOfWork) -> ClaimView | None:
    holder = work.messages.get(claim.holder)
    if holder is None:
        return None
    recipient = holder.recipients.get(key.address)
    return ClaimView(claim, holder.status, holder.lease_until, recipient.status if recipient else None)


def _published(work: UnitOfWork, mails: Sequence[RoutedMail]) -> tuple[list[Serving], list[Settled]]:
    """What is to be published about the mails that are recorded with their `fetch_no`, now or before."""
    servings, settled = [], []
    for each, fetch_no in {mail.message: mail.fetch_no for mail in mails}.items():
        message = work.messages.get(each)
        if message is None or message.fetch_no != fetch_no or message.status in UNROUTED:
            continue
        due = _due_by_target(message)
        servings += [
            Serving(message.id, target, message.reverse_path, tuple(due[target]), folder=message.key.folder)
            for target in due
        ]
        if not due and message.status is MessageStatus.SETTLED:
            settled.append(settlement(message))
    return servings, settled


def _due_by_target(message: Message) -> dict[str, list[Recipient]]:
    """The recipients that are due, by target: one, unless an operator sent a parked recipient elsewhere."""
    due: dict[str, list[Recipient]] = {}
    for recipient in message.recipients.values():
        if recipient.status in DUE:
            due.setdefault(recipient.target, []).append(recipient)
    return due
