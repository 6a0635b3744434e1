"""What the relay records: attempts, their outcomes, and what these mean for identical mails that wait."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select

from shared.adapters.sql.claims import Claims
from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import messages, recipients
from shared.adapters.sql.text import safe_attempt, safe_outcomes
from shared.adapters.sql.unit_of_work import Doubts, Transaction, UnitOfWork, load_messages
from shared.contract.journal import Entry
from shared.custody import decide
from shared.custody.claims import GIVEN_UP, claim_after, claims_touched
from shared.custody.commands import Attempt, Outcomes, Settled
from shared.custody.settlement import settlement_between
from shared.custody.state import ClaimKey, Message
from shared.model.message import MessageStatus, RecipientStatus
from shared.ports.store import Begun, Concluded, Early, Serving


class SqlDeliveries(Repository):
    """The port's `Deliveries`."""

    async def begin_attempts(self, wishes: Sequence[Attempt], now: float, lease: float) -> Begun:
        """Begin those attempts that are due and not stale."""
        safe = [*map(safe_attempt, wishes)]
        return await self._write_counting(_begin, safe, now, lease)

    async def prolong_attempts(self, wishes: Sequence[Attempt], now: float, lease: float) -> None:
        """Keep the mail of attempts that are still being made."""
        await self._transactions.write(_prolong, [*map(safe_attempt, wishes)], now, lease)

    async def end_attempts(self, wishes: Sequence[Outcomes], now: float, lease: float) -> Concluded:
        """Record outcomes, resolve claims and those who waited for them."""
        safe = [*map(safe_outcomes, wishes)]
        return await self._transactions.write(_end, safe, now, lease)

    async def overdue(self, now: float, patience: float, limit: int) -> Sequence[Message]:
        """Messages held in blobs with recipients due whose event is not under way, the longest overdue
        first.
        """
        return await self._transactions.read(lambda transaction: _overdue(transaction, now, patience, limit))


def _begin(
    transaction: Transaction, doubts: Doubts, wishes: Sequence[Attempt], now: float, lease: float
) -> Begun:
    work = UnitOfWork(transaction, doubts)
    work.load(wish.message for wish in wishes)
    servings, early = [], []
    for wish in wishes:
        known = work.messages.get(wish.message)
        entry = decide.begin_attempt(known, wish, now, lease)
        begun_at = entry.addresses if entry is not None else ()
        if len(begun_at) < len(wish.recipients) and (later := decide.recipients_not_due(known, wish, now)):
            early.append(Early(wish.message, later))
        if entry is None:
            continue
        after = work.apply(entry)
        begun = tuple(after.recipients[address] for address in entry.addresses)
        servings.append(Serving(after.id, begun[0].target, after.reverse_path, begun))
    work.save()
    return Begun(servings, early)


def _prolong(transaction: Transaction, wishes: Sequence[Attempt], now: float, lease: float) -> None:
    work = UnitOfWork(transaction)
    work.load(wish.message for wish in wishes)
    for wish in wishes:
        entry = decide.extend_attempt(work.messages.get(wish.message), wish, now, lease)
        if entry is not None:
            work.apply(entry)
    work.save()


def _end(transaction: Transaction, wishes: Sequence[Outcomes], now: float, lease: float) -> Concluded:
    work = UnitOfWork(transaction)
    work.load(wish.message for wish in wishes)
    ended: list[Entry] = []
    for wish in wishes:
        entry = decide.end_attempt(work.messages.get(wish.message), wish, now, lease)
        if entry is not None:
            work.apply(entry)
            ended.append(entry)
    return Concluded(conclude(work, ended, now), stale=len(wishes) - len(ended))


def conclude(work: UnitOfWork, ended: Sequence[Entry], now: float) -> tuple[Settled, ...]:
    """Save the work, with what the end of attempts means for claims and for those who wait for them; returns
    what is settled by that.
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
    """Fulfil or release claims; returns the message that did it and whether its mail arrived.

    A fulfilled claim needs no look at what it was before; to release one, it has to be one's own.
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
    """Tell those who wait for these claims. The claims are locked by now, so nobody can begin to wait
    meanwhile.
    """
    connection, bulk = work.transaction
    awaited = [(key.identity, key.address) for key in resolved]
    rows = bulk.select(connection, recipients, ["awaits", "address"], awaited, only="t.awaits IS NOT NULL")
    work.load(row[0] for row in rows)
    for row in sorted(rows, key=lambda row: (str(row[0]), str(row[1]))):
        known = work.messages[row[0]]
        outcome = resolved.get(ClaimKey(known.tenant, row[1], row[13]))
        if outcome is None:
            continue
        holder, arrived = outcome
        entry = decide.resolve_waiting(known, row[1], holder, arrived=arrived, now=now)
        if entry is not None:
            work.apply(entry)


def _overdue(transaction: Transaction, now: float, patience: float, limit: int) -> list[Message]:
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
