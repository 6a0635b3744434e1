"""What is known about targets: how they serve, outages, facts that relays learnt, and catch-all domains."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, delete, func, select

from shared.adapters.sql.tables import catch_alls, outages, recipients, target_facts
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.message import RecipientStatus
from shared.ports.store import (
    FACT_HOLDS,
    LONGEST_REPORT,
    CatchAll,
    FactKind,
    Outage,
    TargetFact,
    TargetState,
)

RECIPIENT = recipients.c
OUTAGE = outages.c
FACT = target_facts.c
CATCH_ALL = catch_alls.c
NO_REPLY = ""


def target_states(transaction: Transaction, targets: Sequence[str]) -> list[TargetState]:
    """Return how these targets serve, in their order."""
    return [_target_state(transaction, target) for target in targets]


def _target_state(transaction: Transaction, target: str) -> TargetState:
    """The conditions are those of partial indexes. A target that works has a delivery among the newest."""
    connection = transaction.connection
    waiting, unanswered, text = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((RECIPIENT.code == NO_REPLY, 1), else_=0)), 0),
            func.max(case((RECIPIENT.status == str(RecipientStatus.DEFERRED), RECIPIENT.text))),
        ).where(RECIPIENT.next_attempt_at.is_not(None), RECIPIENT.target == target)
    ).one()
    parked = connection.execute(
        select(func.count()).where(RECIPIENT.parked_at.is_not(None), RECIPIENT.target == target)
    ).scalar_one()
    delivered = connection.execute(
        select(RECIPIENT.message)
        .where(RECIPIENT.target == target, RECIPIENT.status == str(RecipientStatus.DELIVERED))
        .order_by(RECIPIENT.message.desc())
        .limit(1)
    ).first()
    return TargetState(target, delivered is not None, waiting, int(unanswered), parked, text or "")


def report_outages(transaction: Transaction, reports: Sequence[Outage]) -> None:
    """Note these outages, in place of earlier reports about their targets."""
    rows = sorted((key(each.target), each.since, each.until, key(each.reason)) for each in reports)
    columns = ("target", "since", "until", "reason")
    transaction.bulk.put(transaction.connection, outages, columns, rows)


def end_outages(transaction: Transaction, targets: Sequence[str]) -> None:
    """Forget the outages of these targets."""
    transaction.connection.execute(delete(outages).where(OUTAGE.target.in_([*map(key, targets)])))


def known_outages(transaction: Transaction, now: float) -> list[Outage]:
    """Return the reports that hold now, by target."""
    holding = (
        select(OUTAGE.target, OUTAGE.since, OUTAGE.until, OUTAGE.reason)
        .where(OUTAGE.until > now, OUTAGE.until <= now + LONGEST_REPORT)
        .order_by(OUTAGE.target)
    )
    return [
        Outage(row.target, row.since, row.until, row.reason)
        for row in transaction.connection.execute(holding)
    ]


def note_target_facts(transaction: Transaction, facts: Sequence[TargetFact]) -> None:
    """Note these facts, in place of earlier ones of their kind about their targets."""
    rows = sorted(
        (key(each.target), each.kind.value, key(each.value), each.since, each.until) for each in facts
    )
    columns = ("target", "kind", "value", "since", "until")
    transaction.bulk.put(transaction.connection, target_facts, columns, rows)


def forget_target_facts(transaction: Transaction, target: str, kinds: Sequence[FactKind]) -> None:
    """Forget the facts of these kinds about a target."""
    forgotten = [kind.value for kind in kinds]
    transaction.connection.execute(
        delete(target_facts).where(FACT.target == key(target), FACT.kind.in_(forgotten))
    )


def known_target_facts(transaction: Transaction, now: float) -> list[TargetFact]:
    """Return the facts that hold now, by target and kind; kinds of a newer Mailferry are left out."""
    kinds = [kind.value for kind in FactKind]
    holding = (
        select(FACT.target, FACT.kind, FACT.value, FACT.since, FACT.until)
        .where(FACT.until > now, FACT.until <= now + FACT_HOLDS, FACT.kind.in_(kinds))
        .order_by(FACT.target, FACT.kind)
    )
    return [
        TargetFact(row.target, FactKind(row.kind), row.value, row.since, row.until)
        for row in transaction.connection.execute(holding)
    ]


def note_catch_all(transaction: Transaction, target: str, domain: str, accepts_all: bool, now: float) -> None:
    """Note whether a target accepts every address of a domain; one that goes on keeps its `since`."""
    connection, bulk = transaction
    target, domain = key(target), key(domain)
    if accepts_all:
        bulk.insert_absent(connection, catch_alls, CatchAll._fields, [CatchAll(target, domain, now)])
        return
    connection.execute(delete(catch_alls).where(CATCH_ALL.target == target, CATCH_ALL.domain == domain))


def known_catch_alls(transaction: Transaction) -> list[CatchAll]:
    """Return all targets that accept every address of a domain, by target and domain."""
    query = select(CATCH_ALL.target, CATCH_ALL.domain, CATCH_ALL.since).order_by(
        CATCH_ALL.target, CATCH_ALL.domain
    )
    return [CatchAll(row.target, row.domain, row.since) for row in transaction.connection.execute(query)]
