"""Finds the accounts that are due, so that no look reads all that wait at hosts without room.

As long as the most overdue accounts find room, a look leases them and needs to know nothing. Where they find
none, this process begins to keep a `Backlog`, and drops it once nothing waits any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from math import inf

from shared.adapters.sql.leases.backlog import OVERLAP, Backlog, Portion, Position, Waiting
from shared.adapters.sql.leases.host_room import HostRoom
from shared.adapters.sql.leases.leases import make_put_off_due
from shared.adapters.sql.leases.leasing import (
    Leased,
    LeaseRequest,
    TenantsLeft,
    due_among,
    first_ready,
    host_room,
    lease_first,
    lease_waiting,
    read_portion,
)
from shared.adapters.sql.runner import TransactionRunner
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.hosts import HostLimits
from shared.model.tenant_room import TenantRoom, tenant_of
from shared.ports.store import Lease

PORTION = 1000
"""Accounts that are read at a time: some 5 ms."""
FEW = 100
"""Accounts without room that a look may meet again and again: reading them costs less than keeping them."""
FIRST = 8
"""Accounts among which the next one with room nearly always is."""
NEXT = 200
"""Accounts among which it is looked for else. Where none of them has room, the next look is when the last one
of them is due."""
ROUNDS = 3
"""Portions for one look, and attempts to lease where other processes were faster."""
SPARE = 16
"""Accounts that are tried beside those that a host has room for, as others may have leased them meanwhile."""
SOON = 0.05
"""Seconds until the next look where this one did not read everything."""
PUT_OFF_EVERY = 30.0
"""Seconds between two looks for accounts that a clock that was ahead has put off. Each of them reads all
accounts that are not due for hours."""


class DueAccounts:
    """What one process knows of the accounts that are due."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner
        self._backlog: Backlog | None = None
        self._looked_at = -inf
        self._put_off_at = -inf

    async def lease(self, request: LeaseRequest) -> Sequence[Lease]:
        """Lease accounts that are due, the most overdue first.

        An account whose lease ended counts as overdue since then. One that cannot be leased for longer than
        any process would put it off was put off by a clock that was ahead; it is due as well.
        """
        self._notice_clock(request.now)
        leases = await self._lease(request)
        if len(leases) < request.limit and request.now >= self._put_off_at + PUT_OFF_EVERY:
            self._put_off_at = request.now
            if await self._runner.write(make_put_off_due, request.now, request.until):
                leases = [*leases, *await self._lease(_remaining(request, leases))]
        return leases

    async def next_due(self, now: float, hosts: HostLimits) -> float | None:
        """Return when the next account can be leased at a host with room, or a moment before it at which more
        is known; None where there is none.
        """
        if not hosts.any_shared:
            return await self._runner.read(first_ready)
        self._notice_clock(now)
        backlog = self._backlog
        if backlog is None:
            moment, is_known = await self._next_after(None, Backlog(), FIRST, now, hosts)
            if is_known:
                return moment
            return (await self._next_after(None, Backlog(), NEXT, now, hosts))[0]
        if not backlog.is_complete:
            await self._read_on(backlog, now, hosts)
        moment, _ = await self._next_after(backlog.read_until, backlog, NEXT, now, hosts)
        if backlog.is_complete:
            return moment
        return now + SOON if moment is None else min(moment, now + SOON)

    def _notice_clock(self, now: float) -> None:
        """Forget everything where the clock was set back: it was read with the other time."""
        if now < self._looked_at - OVERLAP:
            self._backlog, self._put_off_at = None, -inf
        self._looked_at = now

    async def _lease(self, request: LeaseRequest) -> Sequence[Lease]:
        leases: Sequence[Lease] = ()
        if self._backlog is None:
            first = await self._runner.write(lease_first, request)
            found = len(first.leases) + len(first.without_room)
            if not first.without_room or (found < request.limit and len(first.without_room) <= FEW):
                return first.leases
            self._backlog = Backlog()
            leases, request = first.leases, _remaining(request, first.leases)
        return [*leases, *await self._lease_from(self._backlog, request)]

    async def _lease_from(self, backlog: Backlog, request: LeaseRequest) -> Sequence[Lease]:
        """Lease accounts that the backlog knows, after what came since the last look was read."""
        leases: list[Lease] = []
        for _ in range(ROUNDS):
            if request.limit <= 0:
                break
            room = await self._read_on(backlog, request.now, request.hosts)
            names = candidates(backlog, room, request.tenants, request.limit)
            leased = await self._runner.write(lease_waiting, request, names) if names else Leased(())
            gone = {*names} - {each.account for each in leased.without_room}
            backlog.forget(gone)
            leases += leased.leases
            request = _remaining(request, leased.leases)
            if backlog.is_complete and len(gone) == len(leased.leases):
                break
        if backlog.is_complete and not backlog and self._backlog is backlog:
            self._backlog = None
        return leases

    async def _read_on(self, backlog: Backlog, now: float, hosts: HostLimits) -> HostRoom:
        """Read what the backlog asks for, and return the room that hosts have."""
        positions = backlog.positions(now)
        portions, room = await self._runner.read(_look, now, positions, hosts, PORTION, until=now)
        backlog.add_portions(portions, now)
        return room

    async def _next_after(
        self, after: Position | None, backlog: Backlog, most: int, now: float, hosts: HostLimits
    ) -> tuple[float | None, bool]:
        """Return when the next account has room: one of the backlog, or of `most` that follow a position.

        The second value is whether that is known. Where it is not, all accounts before it have no room.
        """
        [portion], room = await self._runner.read(_look, now, [after], hosts, most, until=None)
        waiting = [backlog.first_at(host) for host in room.resting - room.full]
        waiting.append(await self._first_waiting(backlog, room, now))
        moments = [room.ready_at(each.host, each.ready_at) for each in (*waiting, *portion.accounts) if each]
        moment = min((each for each in moments if each is not None), default=None)
        if portion.is_last:
            return moment, True
        end = portion.accounts[-1].ready_at
        if moment is not None and moment <= end:
            return moment, True
        return max(end, now + SOON), False

    async def _first_waiting(self, backlog: Backlog, room: HostRoom, now: float) -> Waiting | None:
        """Return what has waited for longest and has room, as its row says: visits that make no progress may
        be ended for it.
        """
        for _ in range(ROUNDS):
            names = [each.account for each in islice(backlog.most_overdue(room.closed, ()), SPARE)]
            if not names:
                return None
            due = await self._runner.read(due_among, names, now)
            backlog.forget({*names} - {each.account for each in due})
            if due:
                return due[0]
        return Waiting(now + SOON, "", "")


def candidates(backlog: Backlog, room: HostRoom, tenants: TenantRoom | None, limit: int) -> Sequence[str]:
    """Return accounts of which about `limit` can be leased, the most overdue first."""
    left = TenantsLeft(tenants)
    closed, full = room.closed, {*left.full}
    by_host: Counter[str] = Counter()
    by_tenant: Counter[str] = Counter()
    names: dict[str, None] = {}
    expected = 0
    for each in backlog.most_overdue(closed, full):
        if expected >= limit or len(names) >= PORTION:
            break
        if each.account in names:
            continue
        tenant = tenant_of(each.account)
        names[each.account] = None
        by_host[each.host] += 1
        by_tenant[tenant] += 1
        has_room = by_host[each.host] <= room.left(each.host)
        if by_host[each.host] >= room.left(each.host) + SPARE:
            closed.add(each.host)
        if tenants is not None:
            has_room = has_room and by_tenant[tenant] <= tenants.of(tenant)
            if by_tenant[tenant] >= tenants.of(tenant) + SPARE:
                full.add(tenant)
        expected += has_room
    return [*names]


def _look(
    transaction: Transaction,
    now: float,
    positions: Sequence[Position | None],
    hosts: HostLimits,
    most: int,
    *,
    until: float | None,
) -> tuple[Sequence[Portion], HostRoom]:
    """Read the portions after these positions, and the room that hosts have."""
    portions = [read_portion(transaction, until, after, most) for after in positions]
    return portions, host_room(transaction, now, hosts)


def _remaining(request: LeaseRequest, leases: Sequence[Lease]) -> LeaseRequest:
    """The request without what these leases take of it."""
    room = request.tenants
    if room is not None and leases:
        taken = Counter(tenant_of(lease.fence.account) for lease in leases)
        room = TenantRoom(room.default, {each: room.of(each) - taken[each] for each in {*room.left, *taken}})
    return request._replace(limit=request.limit - len(leases), tenants=room)
