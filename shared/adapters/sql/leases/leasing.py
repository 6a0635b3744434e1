"""Which due accounts are leased next, so that no host gets more visits at once than its limits allow.

The visits under way at a host are counted from the leases, so nothing has to be counted down when a process
dies. Processes that lease at the same moment are made to take turns by the rows in `hosts`, for each host by
itself; SQLite has one writer at a time anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from sys import intern
from typing import Any, NamedTuple

from sqlalchemy import Select, case, func, literal, select, tuple_, update

from shared.adapters.sql.leases.backlog import Portion, Position, Waiting
from shared.adapters.sql.leases.host_room import HostRoom
from shared.adapters.sql.rows import decode_read_failures
from shared.adapters.sql.tables import KEPT, READY, accounts, hosts, messages, registry
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.commands import Fence
from shared.model.begin import ALL
from shared.model.hosts import HostLimits
from shared.model.tenant_room import TenantRoom, tenant_of
from shared.ports.store import Lease

ACCOUNT = accounts.c
HOST = hosts.c
READY_COLUMNS = (ACCOUNT.ready_at, ACCOUNT.id, ACCOUNT.host)
ORDER = (ACCOUNT.ready_at, ACCOUNT.id)
"""The order of the index, so that a portion begins where the last one ended."""


class LeaseRequest(NamedTuple):
    """A process asks for up to `limit` leases until `until`."""

    owner: str
    now: float
    until: float
    limit: int
    hosts: HostLimits
    tenants: TenantRoom | None = None


class Leased(NamedTuple):
    """What came of a request: `leases`, and the accounts that are due and found no room."""

    leases: Sequence[Lease]
    without_room: Sequence[Waiting] = ()


def lease_first(transaction: Transaction, request: LeaseRequest) -> Leased:
    """Lease the most overdue accounts, as far as hosts and tenants have room.

    No more accounts are looked at than are asked for.
    """
    rows = _waiting(transaction, due(request.now).limit(request.limit))
    if not request.hosts.any_shared and request.tenants is None:
        return Leased(take_these(transaction, [each.account for each in rows], request.owner, request.until))
    return _lease_with_room(transaction, request, rows)


def lease_waiting(transaction: Transaction, request: LeaseRequest, names: Sequence[str]) -> Leased:
    """Lease those of the accounts that are due, the most overdue first, as far as there is room.

    One that another process has locked may be due all the same.
    """
    found = _waiting(transaction, due(request.now).where(ACCOUNT.id.in_(names)))
    leased = _lease_with_room(transaction, request, found)
    missing = sorted({*names} - {each.account for each in found})
    if not missing:
        return leased
    return leased._replace(without_room=[*leased.without_room, *due_among(transaction, missing, request.now)])


def due_among(transaction: Transaction, names: Sequence[str], now: float) -> Sequence[Waiting]:
    """Return those of the accounts that can be leased, the most overdue first; no lock is taken."""
    return _waiting(transaction, in_order(now).where(ACCOUNT.id.in_(names)))


def due(now: float) -> Select[Any]:
    """Select accounts that can be leased, the most overdue first; pass over what others have locked."""
    return in_order(now).with_for_update(skip_locked=True)


def in_order(until: float | None, after: Position | None = None) -> Select[Any]:
    """Select accounts in the order in which they can be leased, `until` a time, `after` a position."""
    query = select(*READY_COLUMNS).where(READY).order_by(*ORDER)
    if until is not None:
        query = query.where(ACCOUNT.ready_at <= until)
    if after is not None:
        query = query.where(tuple_(*ORDER) > tuple_(literal(after.ready_at), literal(after.account)))
    return query


def read_portion(transaction: Transaction, until: float | None, after: Position | None, most: int) -> Portion:
    """Return the accounts that follow a position; no lock is taken."""
    rows = _waiting(transaction, in_order(until, after).limit(most))
    return Portion(after, rows, is_last=len(rows) < most)


def take_these(transaction: Transaction, ids: Sequence[str], owner: str, until: float) -> list[Lease]:
    """Lease accounts that are locked, in their order."""
    if not ids:
        return []
    connection = transaction.connection
    change = (
        update(accounts)
        .where(ACCOUNT.id.in_(ids))
        .values(
            lease_owner=owner,
            lease_until=until,
            ready_at=case((ACCOUNT.due_at > until, ACCOUNT.due_at), else_=until),
            fence=ACCOUNT.fence + 1,
        )
        .returning(
            ACCOUNT.id,
            ACCOUNT.fence,
            ACCOUNT.failures,
            ACCOUNT.method,
            ACCOUNT.setbacks,
            ACCOUNT.succeeded_at,
            ACCOUNT.state,
            ACCOUNT.began,
            select(registry.c.revision).scalar_subquery().label("revision"),
        )
    )
    rows = connection.execute(change).all()
    known = set(connection.execute(_with_mail(ids)).scalars())
    leased = {
        row.id: Lease(
            Fence(row.id, row.fence),
            until,
            failures=row.failures,
            method=row.method,
            is_fresh=row.id not in known,
            read_failures=decode_read_failures(row.setbacks),
            state=row.state,
            began=_began(row.began, row.succeeded_at, is_fresh=row.id not in known),
            revision=row.revision,
        )
        for row in rows
    }
    return [leased[each] for each in ids]


def _began(began: str | None, succeeded_at: float | None, *, is_fresh: bool) -> str | None:
    """What of `begin` was applied: "all" where the account was visited in order without it."""
    if began is None and (succeeded_at is not None or not is_fresh):
        return str(ALL)
    return began


def host_room(transaction: Transaction, now: float, limits: HostLimits) -> HostRoom:
    """Return the room that the hosts have now. No lock is taken, so it may be less by the time of leasing."""
    connection = transaction.connection
    busy = {row.host: row.visits for row in connection.execute(_busy(now))}
    next_at: dict[str, float] = {}
    if limits.any_spacing:
        resting = select(HOST.host, HOST.next_at).where(HOST.next_at > now)
        next_at = {row.host: row.next_at for row in connection.execute(resting)}
    return HostRoom(limits, busy, next_at, now)


def first_ready(transaction: Transaction) -> float | None:
    """Return when the next account can be leased, whatever its host; None where there is none."""
    return transaction.connection.execute(in_order(None).limit(1)).scalar()


def _waiting(transaction: Transaction, query: Select[Any]) -> list[Waiting]:
    """The accounts that `query` selects. Many have the same host, which is kept once."""
    rows = transaction.connection.execute(query)
    return [Waiting(ready_at, account, intern(host)) for ready_at, account, host in rows]


def _lease_with_room(transaction: Transaction, request: LeaseRequest, rows: Sequence[Waiting]) -> Leased:
    """Lease those of the accounts, which are locked, for which there is room."""
    if not rows:
        return Leased(())
    room = host_room(transaction, request.now, request.hosts)
    tenants = TenantsLeft(request.tenants)
    chosen: list[tuple[str, str]] = []
    for each in rows:
        if len(chosen) == request.limit:
            break
        if tenants.has_room(each.account) and room.take_visit(each.host):
            tenants.take_room(each.account)
            chosen.append((each.account, each.host))
    admitted = _admitted(transaction, chosen, request)
    leases = take_these(transaction, admitted, request.owner, request.until)
    taken = {*admitted}
    return Leased(leases, [each for each in rows if each.account not in taken])


class TenantsLeft:
    """The tenants' room while accounts are chosen. `full` are the tenants that have none left."""

    def __init__(self, room: TenantRoom | None) -> None:
        self._room = room
        self._taken: Counter[str] = Counter()
        self.full = set() if room is None else {each for each, left in room.left.items() if left <= 0}

    def has_room(self, account: str) -> bool:
        """Return whether the tenant of `account` can have a visit."""
        return tenant_of(account) not in self.full

    def take_room(self, account: str) -> None:
        """Count a visit of the tenant of `account`."""
        tenant = tenant_of(account)
        self._taken[tenant] += 1
        if self._room is not None and self._taken[tenant] >= self._room.of(tenant):
            self.full.add(tenant)


def _admitted(
    transaction: Transaction, chosen: Sequence[tuple[str, str]], request: LeaseRequest
) -> list[str]:
    """Those of the accounts for which there is room, now that their hosts are locked."""
    shared = sorted({host for _, host in chosen if request.hosts.of(host).is_shared})
    if not shared:
        return [account for account, _ in chosen]
    connection = transaction.connection
    locked = select(HOST.host, HOST.next_at).where(HOST.host.in_(shared)).order_by(HOST.host)
    next_at = {row.host: row.next_at for row in connection.execute(locked.with_for_update())}
    counted = connection.execute(_busy(request.now).where(ACCOUNT.host.in_(shared)))
    busy = {row.host: row.visits for row in counted}
    room = HostRoom(request.hosts, busy, next_at, request.now)
    admitted = [account for account, host in chosen if room.take_visit(host)]
    if room.begun:
        transaction.bulk.put(connection, hosts, ("host", "next_at"), sorted(room.begun.items()))
    return admitted


def busy_hosts(transaction: Transaction, now: float) -> dict[str, int]:
    """Return how many visits are under way at each host."""
    return {row.host: row.visits for row in transaction.connection.execute(_busy(now)) if row.host}


def _busy(now: float) -> Select[Any]:
    return (
        select(ACCOUNT.host, func.count().label("visits"))
        .where(ACCOUNT.lease_owner.is_not(None), ACCOUNT.lease_until > now)
        .group_by(ACCOUNT.host)
    )


def _with_mail(ids: Sequence[str]) -> Select[Any]:
    """Select those of the accounts of which the ledger holds mail.

    The limit keeps PostgreSQL from making a join of it: it costs one look into an index for each account.
    """
    mail = select(literal(1)).where(messages.c.account == ACCOUNT.id, KEPT).limit(1).scalar_subquery()
    return select(ACCOUNT.id).where(ACCOUNT.id.in_(ids), mail.is_not(None))
