"""Which due accounts are leased next, so that no host gets more visits at once than its limits allow.

The visits under way at a host are counted from the leases, so nothing has to be counted down when a process
dies. Processes that lease at the same moment are made to take turns by the rows in `hosts`, for each host by
itself; SQLite has one writer at a time anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, TextClause, and_, case, func, literal, select, update

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


class LeaseRequest(NamedTuple):
    """A process asks for up to `limit` leases until `until`."""

    owner: str
    now: float
    until: float
    limit: int
    hosts: HostLimits
    tenants: TenantRoom | None = None


def lease_ready(transaction: Transaction, request: LeaseRequest) -> list[Lease]:
    """Lease what is due, the most overdue first, as far as hosts and tenants have room."""
    if not request.hosts.any_shared and request.tenants is None:
        return take(transaction, due(request.now, ()).limit(request.limit), request.owner, request.until)
    chosen = _admitted(transaction, _chosen(transaction, request), request)
    return take_these(transaction, chosen, request.owner, request.until)


def due(now: float, closed: Collection[str], full_tenants: Collection[str] = ()) -> Select[Any]:
    """Select accounts that can be leased, the most overdue first.

    Those of `closed` hosts and of tenants without room are left out. Those that another process has locked
    are passed over.
    """
    query = select(ACCOUNT.id, ACCOUNT.host).where(READY, ACCOUNT.ready_at <= now)
    if closed:
        query = query.where(ACCOUNT.host.not_in(sorted(closed)))
    for tenant in sorted(full_tenants):
        prefix = f"{tenant}/"
        query = query.where(func.substr(ACCOUNT.id, 1, len(prefix)) != prefix)
    return query.order_by(ACCOUNT.ready_at).with_for_update(skip_locked=True)


def take(transaction: Transaction, candidates: Select[Any], owner: str, until: float) -> list[Lease]:
    """Lease the candidates, in their order."""
    ids = [row.id for row in transaction.connection.execute(candidates)]
    return take_these(transaction, ids, owner, until)


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


def next_ready(transaction: Transaction, now: float, limits: HostLimits) -> float | None:
    """Return when the next account can be leased at a host with room; None where there is none."""
    if not limits.any_shared:
        return _first(transaction, READY)
    room = host_room(transaction, now, limits)
    moments = [_first(transaction, and_(READY, ACCOUNT.host.not_in(sorted(room.closed))))]
    for host in room.resting - room.full:
        first = _first(transaction, and_(READY, ACCOUNT.host == host))
        moments.append(None if first is None else max(first, room.opens_at(host)))
    return min((moment for moment in moments if moment is not None), default=None)


def _first(transaction: Transaction, condition: ColumnElement[bool] | TextClause) -> float | None:
    """The least `ready_at`. It is selected by order, so that the index ends the search at the first row."""
    query = select(ACCOUNT.ready_at).where(condition).order_by(ACCOUNT.ready_at).limit(1)
    return transaction.connection.execute(query).scalar()


def _chosen(transaction: Transaction, request: LeaseRequest) -> list[tuple[str, str]]:
    """Accounts to be leased, with their hosts; locked.

    Each round fills a host or a tenant, or finds the rest.
    """
    room = host_room(transaction, request.now, request.hosts)
    tenants = _Tenants(request.tenants)
    chosen: list[tuple[str, str]] = []
    while len(chosen) < request.limit:
        asked = request.limit - len(chosen)
        query = due(request.now, room.closed, tenants.full).limit(asked)
        if chosen:
            query = query.where(ACCOUNT.id.not_in([account for account, _ in chosen]))
        rows = transaction.connection.execute(query).all()
        for row in rows:
            if tenants.has_room(row.id) and room.take_visit(row.host):
                tenants.take_room(row.id)
                chosen.append((row.id, row.host))
        if len(rows) < asked:
            break
    return chosen


class _Tenants:
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
