"""What is left of removed objects is deleted once nothing of it is in custody."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select

from shared.adapters.sql.registry.saving import forget_specs
from shared.adapters.sql.tables import KEPT, UNBACKED, UNSETTLED, messages, specs
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody import decide
from shared.model.spec import Kind

SPEC, MESSAGE = specs.c, messages.c
MAILS_AT_ONCE = 500
"""Mails of removed accounts that one transaction marks as gone, so that it holds up no other for long."""
REASON = "the account was removed"


def forget_removed(transaction: Transaction, limit: int, now: float) -> list[str]:
    """Delete up to `limit` removed objects of which nothing is in custody; return them as `kind id`.

    Mail that is left at a removed account's source is not looked at any more, so it counts as gone. Targets
    wait for the accounts that were removed before them: their mail may need them.
    """
    accounts = [
        each for each in _removed(transaction, Kind.ACCOUNT, limit) if _is_done(transaction, each, now)
    ]
    clean = [each for each in accounts if not _leave_mails(transaction, each, now)]
    forget_specs(transaction, Kind.ACCOUNT, clean)
    forgotten = [f"{Kind.ACCOUNT} {each}" for each in clean]
    for kind in (Kind.TARGET, Kind.TENANT):
        unused = [
            each for each in _removed(transaction, kind, limit) if not _is_used(transaction, kind, each)
        ]
        forget_specs(transaction, kind, unused)
        forgotten += [f"{kind} {each}" for each in unused]
    return forgotten


def _removed(transaction: Transaction, kind: Kind, limit: int) -> Sequence[str]:
    query = select(SPEC.id).where(SPEC.kind == kind.value, SPEC.removed_at.is_not(None))
    return transaction.connection.execute(query.order_by(SPEC.id).limit(limit)).scalars().all()


def _is_done(transaction: Transaction, account: str, now: float) -> bool:
    """Whether no mail of a removed account is on its way, or held here alone."""
    on_its_way = and_(KEPT, UNSETTLED, MESSAGE.lease_until > now)
    query = select(MESSAGE.id).where(MESSAGE.account == account, or_(on_its_way, UNBACKED)).limit(1)
    return transaction.connection.execute(query).first() is None


def _leave_mails(transaction: Transaction, account: str, now: float) -> bool:
    """Mark mails of the account that are at its source as gone; return whether there were any."""
    query = select(MESSAGE.id).where(MESSAGE.account == account, KEPT).limit(MAILS_AT_ONCE)
    left = transaction.connection.execute(query).scalars().all()
    work = UnitOfWork(transaction)
    work.load_leaving(left)
    for each in left:
        entry = decide.mark_gone(work.messages.get(each), REASON, now)
        if entry is not None:
            work.apply(entry)
    work.save()
    return bool(left)


def _is_used(transaction: Transaction, kind: Kind, name: str) -> bool:
    """Whether an account is there, removed or not, that needs the object."""
    column = SPEC.target if kind is Kind.TARGET else SPEC.tenant
    others = SPEC.kind != Kind.TENANT.value
    query = select(SPEC.id).where(column == name, others, SPEC.id != name).limit(1)
    return transaction.connection.execute(query).first() is not None
