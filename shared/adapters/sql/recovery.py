"""Mails that have to go on although their event, their blob or the whole broker is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, func, or_, select

from shared.adapters.sql.account_conditions import LEFT_BEHIND
from shared.adapters.sql.deliveries import conclude
from shared.adapters.sql.mail_pages import of_scope
from shared.adapters.sql.tables import UNBACKED, UNSETTLED, messages, recipients
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import DoubtCount, Transaction, UnitOfWork, load_messages
from shared.contract.journal import BlobLost
from shared.custody import decide
from shared.custody.state import Message
from shared.model.message import IN_FLIGHT, MessageStatus
from shared.ports.store import Concluded, Scope

MESSAGE = messages.c
MESSAGES_PER_PAGE = 1000


def _lost(now: float, longest: float) -> Select[str]:
    """The ids of mails held in blobs alone whose event is not under way."""
    over = [
        MESSAGE.status == str(MessageStatus.LOST),
        MESSAGE.lease_until <= now,
        MESSAGE.lease_until > now + longest,
    ]
    return select(MESSAGE.id).where(UNBACKED, MESSAGE.blob.is_not(None), or_(*over)).order_by(MESSAGE.id)


def _ids(transaction: Transaction, query: Select[str]) -> Sequence[str]:
    return transaction.connection.execute(query).scalars().all()


def any_lost(transaction: Transaction, now: float, longest: float) -> bool:
    """Return whether there are mails held in blobs alone whose event is lost."""
    return bool(_ids(transaction, _lost(now, longest).limit(1)))


def republish_mails(
    transaction: Transaction,
    doubts: DoubtCount,
    fetcher: str,
    now: float,
    lease: float,
    longest: float,
    limit: int,
) -> list[Message]:
    """Return mails held in blobs alone whose event is lost, each with a new `fetch_no` and lease.

    Mails that another process has locked are passed over.
    """
    ids = _ids(transaction, _lost(now, longest).limit(limit).with_for_update(skip_locked=True))
    work = UnitOfWork(transaction, doubts)
    work.load(ids)
    again = []
    for each in ids:
        entries = decide.republish(work.messages[each], fetcher, now, lease, longest)
        for entry in entries or ():
            work.apply(entry)
        if entries is not None:
            again.append(work.messages[each])
    work.save()
    return again


def lose_blobs(
    transaction: Transaction, doubts: DoubtCount, blobs: Mapping[str, str], reason: str, now: float
) -> Concluded:
    """Record that the blobs of these messages (id: blob) are no more."""
    work = UnitOfWork(transaction, doubts)
    work.load(blobs)
    parked = []
    for message, blob in blobs.items():
        for entry in decide.lose_blob(work.messages.get(message), blob, reason, now):
            work.apply(entry)
            if not isinstance(entry, BlobLost):
                parked.append(entry)
    return Concluded(conclude(work, parked, now))


def left_behind(transaction: Transaction, limit: int, scope: Scope, after: str) -> list[Message]:
    """Return mails that left their source before every recipient was done, with no copy held."""
    query = select(MESSAGE.id).where(*LEFT_BEHIND, *of_scope(scope)).order_by(MESSAGE.id)
    lost: list[Message] = []
    while wanted := limit - len(lost):
        ids = _ids(transaction, query.where(MESSAGE.id > key(after)).limit(wanted))
        found = {each.id: each for each in load_messages(transaction, ids)}
        lost += [found[each] for each in ids if found[each].is_lost_at_source]
        if len(ids) < wanted:
            break
        after = ids[-1]
    return lost


def oldest_unsettled(transaction: Transaction) -> float | None:
    """Return when the oldest mail was first fetched that is deferred, or held here alone and not done.

    Ids are in the order of time, so two partial indexes tell the oldest. Only SQLite has an index of all
    that is not settled (`indexes`), and a mail that is under way is known to its fetcher.
    """
    connection = transaction.connection
    # SQLite would look for the least id itself in the order of ids, past all mails that are done.
    least = func.min(func.coalesce(recipients.c.message, ""))
    deferred = select(least).where(recipients.c.next_attempt_at > 0)
    held = select(func.min(MESSAGE.id)).where(
        UNBACKED, MESSAGE.settled_at.is_(None), MESSAGE.blob.is_not(None)
    )
    oldest = [connection.execute(query).scalar_one_or_none() for query in (deferred, held)]
    ids = [each for each in oldest if each is not None]
    query = select(func.min(MESSAGE.first_fetched_at)).where(
        MESSAGE.id.in_(ids), MESSAGE.settled_at.is_(None)
    )
    return connection.execute(query).scalar_one_or_none() if ids else None


def left_behind_count(transaction: Transaction) -> int:
    """Return how many mails left their source before they were done, with no copy held."""
    query = select(func.count()).where(*LEFT_BEHIND)
    return transaction.connection.execute(query).scalar_one()


def lose_all(transaction: Transaction, doubts: DoubtCount, reason: str, now: float) -> int:
    """Declare everything in flight lost and return how much it was. Memory is bounded by the page."""
    count, after = 0, ""
    while ids := _ids(transaction, _in_flight(after)):
        work = UnitOfWork(transaction, doubts)
        work.load(ids)
        for known in list(work.messages.values()):
            for entry in decide.mark_lost(known, reason, now):
                work.apply(entry)
                count += 1
        work.save()
        after = ids[-1]
    return count


def _in_flight(after: str) -> Select[str]:
    """A page of ids beyond `after`, in order. Nothing that was ever settled is read."""
    by_index = select(MESSAGE.id).with_hint(messages, "INDEXED BY messages_unsettled", "sqlite")
    in_flight = MESSAGE.status.in_([*map(str, IN_FLIGHT)])
    at_hand = or_(~MESSAGE.gone, MESSAGE.unbacked)
    beyond = by_index.where(UNSETTLED, MESSAGE.id > after, at_hand, in_flight)
    return beyond.order_by(MESSAGE.id).limit(MESSAGES_PER_PAGE)
