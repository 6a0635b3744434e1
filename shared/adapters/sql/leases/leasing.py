"""Which due accounts are leased next, so that no host gets more visits at once than it bears.

The leases themselves tell how busy a host is, so nothing has to be counted down when a process dies. Where
several processes lease at the same moment, the rows in `hosts` make them do so one after the other, for each
host by itself; SQLite has one writer at a time anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, TextClause, and_, case, func, literal, select, update

from shared.adapters.sql.conditions import KEPT, READY
from shared.adapters.sql.leases.host_room import HostRoom
from shared.adapters.sql.leases.read_failures import decode_read_failures
from shared.adapters.sql.tables import accounts, hosts, messages
from shared.adapters.sql.unit_of_work import Transaction
from shared.custody.commands import Fence
from shared.model.hosts import HostLimits
from shared.model.tenant_room import TenantRoom, tenant_of
from shared.ports.store import Lease

ACCOUNT = accounts.c
HOST = hosts.c


class Wish(NamedTuple):
    """A process wants up to `limit` leases until `until`."""

    owner: str
    now: float
    until: float
    limit: int
    hosts: HostLimits
    tenants: TenantRoom | None = None


def lease_ready(transaction: Transaction, wish: Wish) -> list[Lease]:
    """Lease what is due, the most overdue first, as far as the hosts bear it."""
    if not wish.hosts.any_shared and wish.tenants is None:
        return take(transaction, due(wish.now, ()).limit(wish.limit), wish.owner, wish.until)
    chosen = _admitted(transaction, _chosen(transaction, wish), wish)
    return take_these(transaction, chosen, wish.owner, wish.until)


def due(now: float, closed: Collection[str], full_tenants: Collection[str] = ()) -> Select[Any]:
    """Accounts that can be leased, the most overdue first, but for those of `closed` hosts and of tenants
    that have as many visits as they may; those that another process just takes are passed over.
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
            ACCOUNT.id, ACCOUNT.fence, ACCOUNT.failures, ACCOUNT.method, ACCOUNT.setbacks, ACCOUNT.state
        )
    )
    rows = connection.execute(change).all()
    known = set(connection.execute(_with_mail(ids)).scalars())
    leased = {
        row.id: Lease(
            Fence(row.id, row.fence),
            until,
            row.failures,
            row.method,
            row.id not in known,
            decode_read_failures(row.setbacks),
            row.state,
        )
        for row in rows
    }
    return [leased[each] for each in ids]


def host_room(transaction: Transaction, now: float, limits: HostLimits) -> HostRoom:
    """The room that there is now, as far as one can tell without keeping others from leasing."""
    connection = transaction.connection
    busy = {row[0]: row[1] for row in connection.execute(_busy(now))}
    next_at: dict[str, float] = {}
    if limits.any_spacing:
        resting = select(HOST.host, HOST.next_at).where(HOST.next_at > now)
        next_at = {row.host: row.next_at for row in connection.execute(resting)}
    return HostRoom(limits, busy, next_at, now)


def next_ready(transaction: Transaction, now: float, limits: HostLimits) -> float | None:
    """When the next account can be leased at a host that bears it, None where there is none."""
    if not limits.any_shared:
        return _first(transaction, READY)
    room = host_room(transaction, now, limits)
    moments = [_first(transaction, and_(READY, ACCOUNT.host.not_in(sorted(room.closed))))]
    for host in room.resting - room.full:
        first = _first(transaction, and_(READY, ACCOUNT.host == host))
        moments.append(None if first is None else max(first, room.opens_at(host)))
    return min((moment for moment in moments if moment is not None), default=None)


def _first(transaction: Transaction, condition: ColumnElement[bool] | TextClause) -> float | None:
    """The least `ready_at`; asked for by its order, so that the index ends the search at the first row."""
    query = select(ACCOUNT.ready_at).where(condition).order_by(ACCOUNT.ready_at).limit(1)
    return transaction.connection.execute(query).scalar()


def _chosen(transaction: Transaction, wish: Wish) -> list[tuple[str, str]]:
    """Accounts to be leased, with their hosts; locked. Each round fills a host or a tenant's share, or finds
    all there is.
    """
    room = host_room(transaction, wish.now, wish.hosts)
    tenants = _Tenants(wish.tenants)
    chosen: list[tuple[str, str]] = []
    while len(chosen) < wish.limit:
        asked = wish.limit - len(chosen)
        query = due(wish.now, room.closed, tenants.full).limit(asked)
        if chosen:
            query = query.where(ACCOUNT.id.not_in([account for account, _ in chosen]))
        rows = transaction.connection.execute(query).all()
        for row in rows:
            if tenants.has_room(row.id) and room.take(row.host):
                tenants.take(row.id)
                chosen.append((row.id, row.host))
        if len(rows) < asked:
            break
    return chosen


class _Tenants:
    """What is left of each tenant's share while accounts are chosen. `full` are those that have none left."""

    def __init__(self, room: TenantRoom | None) -> None:
        self._room = room
        self._taken: Counter[str] = Counter()
        self.full = set() if room is None else {each for each, left in room.left.items() if left <= 0}

    def has_room(self, account: str) -> bool:
        """Whether the tenant of `account` can have a visit."""
        return tenant_of(account) not in self.full

    def take(self, account: str) -> None:
        """Take the place."""
        tenant = tenant_of(account)
        self._taken[tenant] += 1
        if self._room is not None and self._taken[tenant] >= self._room.of(tenant):
            self.full.add(tenant)


def _admitted(transaction: Transaction, chosen: Sequence[tuple[str, str]], wish: Wish) -> list[str]:
    """Those of the accounts for which there is room, now that nobody else leases from their hosts."""
    shared = sorted({host for _, host in chosen if wish.hosts.of(host).is_shared})
    if not shared:
        return [account for account, _ in chosen]
    connection = transaction.connection
    locked = select(HOST.host, HOST.next_at).where(HOST.host.in_(shared)).order_by(HOST.host)
    next_at = {row.host: row.next_at for row in connection.execute(locked.with_for_update())}
    busy = {row[0]: row[1] for row in connection.execute(_busy(wish.now).where(ACCOUNT.host.in_(shared)))}
    room = HostRoom(wish.hosts, busy, next_at, wish.now)
    admitted = [account for account, host in chosen if room.take(host)]
    if room.begun:
        transaction.bulk.put(connection, hosts, sorted(room.begun.items()))
    return admitted


def _busy(now: float) -> Select[Any]:
    return (
        select(ACCOUNT.host, func.count())
        .where(ACCOUNT.lease_owner.is_not(None), ACCOUNT.lease_until > now)
        .group_by(ACCOUNT.host)
    )


def _with_mail(ids: Sequence[str]) -> Select[Any]:
    """Those of the accounts of which the ledger holds mail.

    The limit keeps PostgreSQL from making a join of it: it is one look into an index for each account.
    """
    mail = select(literal(1)).where(messages.c.account == ACCOUNT.id, KEPT).limit(1).scalar_subquery()
    return select(ACCOUNT.id).where(ACCOUNT.id.in_(ids), mail.is_not(None))
