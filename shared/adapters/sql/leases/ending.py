"""How leases end: by a visit's report, by a return without a visit, or because their holders are no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from shared.adapters.sql.leases.schedule import lock_accounts
from shared.adapters.sql.rows import encode_read_failures
from shared.adapters.sql.tables import accounts, specs
from shared.adapters.sql.text import safe
from shared.adapters.sql.unit_of_work import Transaction
from shared.adapters.sql.usage import count_usage
from shared.custody.commands import Fence
from shared.model.spec import Kind
from shared.ports.store import Release, VisitReport

ACCOUNT = accounts.c
RELEASED = (
    "id",
    "lease_owner",
    "lease_until",
    "due_at",
    "ready_at",
    "failures",
    "problem",
    "visited_at",
    "succeeded_at",
    "waiting",
    "method",
    "setbacks",
    "state",
)
HEALTH = (ACCOUNT.failures, ACCOUNT.problem, ACCOUNT.visited_at, ACCOUNT.succeeded_at, ACCOUNT.waiting)
"""What a visit says of the account, in the order in which they stand in `RELEASED`."""


def release(transaction: Transaction, releases: Sequence[Release]) -> None:
    """Record how visits ended, what they used, and end their leases, as far as these still hold."""
    connection, bulk = transaction
    ended = {(each.fence.account, each.fence.number): each for each in releases}
    locked = (
        select(ACCOUNT.id, ACCOUNT.fence, *HEALTH)
        .where(ACCOUNT.id.in_({account for account, _ in ended}), ACCOUNT.lease_owner.is_not(None))
        .order_by(ACCOUNT.id)
        .with_for_update()
    )
    found = [row for row in connection.execute(locked) if (row.id, row.fence) in ended]
    changed = _changed_meanwhile(transaction, [ended[row.id, row.fence] for row in found])
    rows = [_released_row(ended[row.id, row.fence], row, is_due=row.id in changed) for row in found]
    bulk.update(connection, accounts, RELEASED, rows)
    count_usage(transaction, [ended[row.id, row.fence] for row in found])


def _changed_meanwhile(transaction: Transaction, releases: Sequence[Release]) -> set[str]:
    """Those of the accounts that somebody changed since they were leased.

    This is read once the accounts are locked: a change whose transaction was waited for is seen.
    """
    connection, bulk = transaction
    leased_at = {each.fence.account: each.revision for each in releases if each.revision is not None}
    keys = [(Kind.ACCOUNT.value, each) for each in leased_at]
    rows = bulk.select(connection, specs, ("kind", "id"), keys, fields=("id", "revision"))
    return {name for name, revision in rows if revision > leased_at[name]}


def return_leases(transaction: Transaction, fences: Mapping[Fence, float], due_at: float) -> None:
    """End leases without a visit; disable accounts that were not visited since the time given."""
    for fence, since in sorted(fences.items()):
        served = func.coalesce(ACCOUNT.visited_at, 0.0) >= since
        transaction.connection.execute(
            update(accounts)
            .where(ACCOUNT.id == fence.account, ACCOUNT.fence == fence.number)
            .values(
                lease_owner=None,
                lease_until=None,
                due_at=due_at,
                ready_at=due_at,
                enabled=and_(ACCOUNT.enabled, served),
            )
        )


def end_leases(transaction: Transaction) -> int:
    """End all leases; return how many."""
    lock_accounts(transaction, ACCOUNT.lease_owner.is_not(None))
    return transaction.connection.execute(
        update(accounts)
        .where(ACCOUNT.lease_owner.is_not(None))
        .values(lease_owner=None, lease_until=None, ready_at=ACCOUNT.due_at)
    ).rowcount


def _released_row(release: Release, before: Row[*tuple[Any, ...]], *, is_due: bool) -> Sequence[object]:
    """The columns `RELEASED` after a visit, given those of `HEALTH` before it."""
    report, now = release.report, float(release.now)
    due_at = now if is_due else float(release.due_at)
    return (
        release.fence.account,
        None,
        None,
        due_at,
        due_at,
        *_health(report, now, before),
        report.method,
        encode_read_failures(report.read_failures),
        None if report.state is None else safe(report.state),
    )


def _health(report: VisitReport, now: float, before: Row[*tuple[Any, ...]]) -> Sequence[object]:
    """The columns `HEALTH` after a visit."""
    if report.interrupted:
        return (before.failures, before.problem, before.visited_at, before.succeeded_at, before.waiting)
    return (
        before.failures + 1 if report.failed else 0,
        None if report.problem is None else safe(report.problem),
        now,
        before.succeeded_at if report.failed else now,
        report.waiting,
    )
