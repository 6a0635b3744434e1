"""How targets serve, read from the few recipients that are not done and one that was."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, func, select

from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import recipients
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.message import RecipientStatus
from shared.ports.store import TargetState

NO_ANSWER = ""


class SqlTargets(Repository):
    """The part of the port's `Archive` about targets."""

    async def target_states(self, targets: Sequence[str]) -> Sequence[TargetState]:
        """How these targets serve, in their order."""
        return await self._transactions.read(
            lambda transaction: [_state(transaction, target) for target in targets]
        )


def _state(transaction: Transaction, target: str) -> TargetState:
    """The conditions are those of the partial indexes; a target that works has a delivery near the end."""
    each, connection = recipients.c, transaction.connection
    waiting, unanswered, text = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((each.code == NO_ANSWER, 1), else_=0)), 0),
            func.max(case((each.status == str(RecipientStatus.DEFERRED), each.text))),
        ).where(each.next_attempt_at.is_not(None), each.target == target)
    ).one()
    parked = connection.execute(
        select(func.count()).where(each.parked_at.is_not(None), each.target == target)
    ).scalar_one()
    delivered = connection.execute(
        select(each.message)
        .where(each.target == target, each.status == str(RecipientStatus.DELIVERED))
        .order_by(each.message.desc())
        .limit(1)
    ).first()
    return TargetState(target, delivered is not None, waiting, int(unanswered), parked, text or "")
