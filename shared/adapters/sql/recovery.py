"""Mails whose source cannot be relied upon; see the port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, or_, select

from shared.adapters.sql.conditions import UNBACKED
from shared.adapters.sql.deliveries import conclude
from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import messages
from shared.adapters.sql.unit_of_work import Doubts, Transaction, UnitOfWork, load_messages
from shared.contract.journal import BlobLost
from shared.custody import decide
from shared.custody.state import Message
from shared.model.message import MessageStatus
from shared.ports.store import Concluded

EACH = messages.c


class SqlRecovery(Repository):
    """The port's `Recovery`."""

    async def republish(
        self, fetcher: str, now: float, lease: float, longest: float, limit: int
    ) -> Sequence[Message]:
        """Mails held in blobs alone whose event is lost, on their way again."""
        if not await self._transactions.read(
            lambda transaction: _ids(transaction, _lost(now, longest).limit(1))
        ):
            return []
        return await self._write_counting(_republish, fetcher, now, lease, longest, limit)

    async def lose_blobs(self, blobs: Mapping[str, str], reason: str, now: float) -> Concluded:
        """The blobs of these messages (id: blob) are no more."""
        return await self._write_counting(_lose_blobs, dict(blobs), reason, now)

    async def left_behind(self, limit: int) -> Sequence[Message]:
        """Mails that left their source before every recipient was done and of which no copy is held."""
        query = select(EACH.id).where(UNBACKED, EACH.gone, EACH.blob.is_(None)).order_by(EACH.id).limit(limit)
        found = await self._transactions.read(
            lambda transaction: load_messages(transaction, _ids(transaction, query))
        )
        return [message for message in found if message.is_lost_at_source]


def _lost(now: float, longest: float) -> Select[str]:
    """The ids of mails held in blobs alone whose event is not under way."""
    over = [EACH.status == str(MessageStatus.LOST), EACH.lease_until <= now, EACH.lease_until > now + longest]
    return select(EACH.id).where(UNBACKED, EACH.blob.is_not(None), or_(*over)).order_by(EACH.id)


def _ids(transaction: Transaction, query: Select[str]) -> Sequence[str]:
    return transaction.connection.execute(query).scalars().all()


def _republish(
    transaction: Transaction,
    doubts: Doubts,
    fetcher: str,
    now: float,
    lease: float,
    longest: float,
    limit: int,
) -> list[Message]:
    """Those that another process is just looking after are passed over."""
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


def _lose_blobs(
    transaction: Transaction, doubts: Doubts, blobs: Mapping[str, str], reason: str, now: float
) -> Concluded:
    work = UnitOfWork(transaction, doubts)
    work.load(blobs)
    parked = []
    for message, blob in blobs.items():
        for entry in decide.lose_blob(work.messages.get(message), blob, reason, now):
            work.apply(entry)
            if not isinstance(entry, BlobLost):
                parked.append(entry)
    return Concluded(conclude(work, parked, now))
