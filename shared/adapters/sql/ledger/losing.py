"""Everything that is in flight is lost, as the broker that carried it is no more."""

from __future__ import annotations

from sqlalchemy import Select, or_, select

from shared.adapters.sql.conditions import UNSETTLED
from shared.adapters.sql.tables import messages
from shared.adapters.sql.unit_of_work import Doubts, Transaction, UnitOfWork
from shared.custody import decide
from shared.model.message import IN_FLIGHT

AT_ONCE = 1000


def lose_all(transaction: Transaction, doubts: Doubts, reason: str, now: float) -> int:
    """Declare it lost, and return how much it was. Page by page, so that memory is bounded."""
    count, after = 0, ""
    while ids := transaction.connection.execute(_in_flight(after)).scalars().all():
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
    """Some ids, those after this one, in their order. Nothing that was ever settled is looked at."""
    by_index = select(messages.c.id).with_hint(messages, "INDEXED BY messages_unsettled", "sqlite")
    in_flight = messages.c.status.in_([*map(str, IN_FLIGHT)])
    at_hand = or_(~messages.c.gone, messages.c.unbacked)
    beyond = by_index.where(UNSETTLED, messages.c.id > after, at_hand, in_flight)
    return beyond.order_by(messages.c.id).limit(AT_ONCE)
