"""What the relay records: attempts, their outcomes, and what these mean for recipients that wait for them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select

from shared.adapters.sql.claims import Claims
from shared.adapters.sql.tables import messages, recipients
from shared.adapters.sql.text import safe_attempt, safe_outcomes
from shared.adapters.sql.unit_of_work import DoubtCount, Transaction, UnitOfWork, load_messages
from shared.contract.journal import Entry
from shared.custody import decide
from shared.custody.claims import GIVEN_UP, claim_after, claims_touched
from shared.custody.commands import Attempt, Outcomes, Settled
from shared.custody.settlement import settlement_between
from shared.custody.state import ClaimKey, Message
from shared.model.message import MessageStatus, RecipientStatus
from shared.ports.store import Begun, Concluded, Early, Serving


def begin_attempts(
    transaction: Transaction, doubts: DoubtCount, attempts: Sequence[Attempt], now: float, lease: float
) -> Begun:
    """Begin those attempts that are due and not stale."""
    attempts = [*map(safe_attempt, attempts)]
    work = UnitOfWork(transaction, doubts)
    work.load(attempt.message for attempt in attempts)
    servings, early = [], []
    for attempt in attempts:
        known = work.messages.get(attempt.message)
        entry = decide.begin_attempt(known, attempt, now, lease)
        begun_at = entry.addresses if entry is not None else ()
        if len(begun_at) < len(attempt.recipients) and (
            later := decide.recipients_not_due(known, attempt, now)
        ):
            early.append(Early(attempt.message, later))
        if entry is None:
            continue
        after = work.apply(entry)
        begun = tuple(after.recipients[address] for address in entry.addresses)
        servings.append(
            Serving(after.id, begun[0].target, after.reverse_path, begun, folder=after.key.folder)
        )
    work.save()
    return Begun(servings, early)


def extend_attempts(transaction: Transaction, attempts: Sequence[Attempt], now: float, lease: float) -> None:
    """Extend the message leases of attempts that are still being made."""
    attempts = [*map(safe_attempt, attempts)]
    work = UnitOfWork(transaction)
    work.load(attempt.message for attempt in attempts)
    for attempt in attempts:
        entry = decide.extend_attempt(work.messages.get(attempt.message), attempt, now, lease)
        if entry is not None:
            work.apply(entry)
    work.save()


def end_attempts(
    transaction: Transaction, outcomes: Sequence[Outcomes], now: float, lease: float
) -> Concluded:
    """Record outcomes; resolve claims and the recipients that waited for them."""
    outcomes = [*map(safe_outcomes, outcomes)]
    work = UnitOfWork(transaction)
    work.load(each.message for each in outcomes)
    ended: list[Entry] = []
    for each in outcomes:
        entry = decide.end_attempt(work.messages.get(each.message), each, now, lease)
        if entry is not None:
            work.apply(entry)
            ended.append(entry)
    return Concluded(conclude(work, ended, now), stale=len(outcomes) - len(ended))


def conclude(work: UnitOfWork, ended: Sequence[Entry], now: float) -> tuple[Settled, ...]:
    """Save the work, with what ended attempts mean for claims and for recipients that wait for them.

    Returns what is settled by that.
    """
    claims = Claims(work.transaction)
    resolved = _resolve_claims(work, claims, ended)
    claims.save()
    _resolve_waiting(work, resolved, now)
    work.save()
    settled = (settlement_between(work.before(each.id), each) for each in work.messages.values())
    return tuple(each for each in settled if each)


def _resolve_claims(
    work: UnitOfWork, claims: Claims, ended: Sequence[Entry]
) -> dict[ClaimKey, tuple[str, bool]]:
    """Fulfil or release claims; return the message that did it and whether its mail arrived.

    Only a claim that is to be released has to be read before: it has to be the message's own.
    """
    touched = [
        (key, entry.message, status)
        for entry in ended
        for key, status in claims_touched(work.messages[entry.message], entry)
    ]
    if any(status in GIVEN_UP for _, _, status in touched):
        claims.lock(key for key, _, _ in touched)
    resolved = {}
    for key, message, status in touched:
        held = claims.held.get(key)
        after = claim_after(held, message, status)
        claims.change(key, after)
        if status is RecipientStatus.DELIVERED or after != held:
            resolved[key] = (message, status is RecipientStatus.DELIVERED)
    return resolved


def _resolve_waiting(work: UnitOfWork, resolved: dict[ClaimKey, tuple[str, bool]], now: float) -> None:
    """Record for recipients that wait for these claims what became of them.

    The claims are locked by now, so no other recipient can begin to wait meanwhile.
    """
    connection, bulk = work.transaction
    awaited = [(key.identity, key.address) for key in resolved]
    fields = ("message", "address", "awaits")
    rows = bulk.select(
        connection, recipients, ["awaits", "address"], awaited, fields=fields, only="t.awaits IS NOT NULL"
    )
    work.load(message for message, _, _ in rows)
    for message, address, identity in sorted(map(tuple, rows)):
        known = work.messages[message]
        outcome = resolved.get(ClaimKey(known.tenant, address, identity))
        if outcome is None:
            continue
        holder, arrived = outcome
        entry = decide.resolve_waiting(known, address, holder, arrived=arrived, now=now)
        if entry is not None:
            work.apply(entry)


def overdue_messages(transaction: Transaction, now: float, patience: float, limit: int) -> list[Message]:
    """Return messages held in blobs with recipients that are due and whose event is not under way.

    The longest overdue come first.
    """
    each = recipients.c
    at_once = [str(RecipientStatus.OPEN), str(RecipientStatus.ATTEMPTING)]
    due = or_(
        each.status.in_(at_once) & (each.next_attempt_at <= now),
        (each.status == str(RecipientStatus.DEFERRED)) & (each.next_attempt_at <= now - patience),
    )
    served = messages.c.status.not_in([str(MessageStatus.FETCHED), str(MessageStatus.LOST)])
    query = (
        select(each.message)
        .join(messages, messages.c.id == each.message)
        .where(each.next_attempt_at <= now, due, messages.c.blob.is_not(None), served)
        .order_by(each.next_attempt_at)
        .limit(limit)
    )
    ids = list(dict.fromkeys(transaction.connection.execute(query).scalars()))
    found = {message.id: message for message in load_messages(transaction, ids)}
    return [found[each] for each in ids if each in found]
