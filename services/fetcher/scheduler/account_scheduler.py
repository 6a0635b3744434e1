"""Which accounts are to be visited now: those of the registry, by their schedule in the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import structlog

from services.fetcher.decide.schedule import bearable
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.hosts import HostLimits
from shared.model.tenant_room import TenantRoom
from shared.ports.clock import Clock
from shared.ports.store import FetcherStore, Lease, Release, VisitReport
from shared.runtime.registry import Registry

UNKNOWN_ACCOUNT_DISTANCE = 10.0
"""Seconds until an account that is not in the registry is offered again."""
UNKNOWN_ACCOUNT_PATIENCE = 86400.0
"""Seconds after which an account that is not in the registry is disabled. Until then a fetcher of the release
before may visit it, by a file that was not applied yet."""
UNUSABLE_ACCOUNT_DISTANCE = 300.0
"""Seconds until an account that cannot be used is tried again, if nobody changes it sooner."""

log = structlog.get_logger("mailferry.fetcher")


class AccountScheduler:
    """Leases accounts for the fetcher called `name`."""

    def __init__(self, registry: Registry, leases: FetcherStore, clock: Clock, name: str) -> None:
        self._registry = registry
        self._leases = leases
        self._clock = clock
        self._name = name
        self._unknown_since: dict[str, float] = {}
        self._not_read: list[Lease] = []

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts that are at hand."""
        return self._registry.accounts

    async def lease_due(
        self, until: float, limit: int, hosts: HostLimits, tenants: TenantRoom | None = None
    ) -> Sequence[Lease]:
        """Lease up to `limit` accounts that are due and can be used."""
        await self._return_not_read()
        return await self._usable(
            await self._leases.lease_due(self._name, self._clock.now(), until, limit, hosts, tenants)
        )

    async def lease_named(
        self, names: Sequence[str], until: float, *, only_enabled: bool = False
    ) -> Sequence[Lease]:
        """Lease these accounts, due or not, except those that another process visits."""
        await self._return_not_read()
        leases = await self._leases.lease_these(
            self._name, names, self._clock.now(), until, only_enabled=only_enabled
        )
        return await self._usable(leases)

    async def next_due(self, hosts: HostLimits) -> float | None:
        """Return in how many seconds the next account is due; None where there is none."""
        at = await self._leases.next_due(self._clock.now(), hosts)
        return None if at is None else at - self._clock.now()

    async def load(self, names: Sequence[str]) -> None:
        """Have these accounts at hand. Raises `StoreUnavailable`."""
        await self._registry.load(names)

    def split_by_host_limits(
        self, names: Sequence[str], visited: Iterable[str], hosts: HostLimits, free: int
    ) -> tuple[list[str], list[str]]:
        """Return those of `names` that can be visited now beside the accounts that are being `visited`, by
        the limits of their hosts, and those that cannot.
        """
        busy = [self.accounts[name].endpoint.host for name in visited if name in self.accounts]
        known = {name: self.accounts[name].endpoint.host for name in names if name in self.accounts}
        return bearable(names, known, busy, hosts, free)

    async def _usable(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Return the leases of accounts that can be visited, which are at hand then. End the others."""
        if not leases:
            return leases
        revision = max(lease.revision for lease in leases)
        try:
            await self._registry.load([lease.fence.account for lease in leases], revision=revision)
        except MailferryError:
            self._not_read += leases
            raise
        usable, unusable, unknown = [], [], []
        for lease in leases:
            name = lease.fence.account
            problem = self._registry.accounts.problem(name)
            if problem is not None:
                unusable.append(self._release(lease, problem))
            elif name in self.accounts:
                usable.append(lease)
            else:
                unknown.append(lease)
        try:
            if unusable:
                await self._leases.release_leases(unusable)
            if unknown:
                await self._return_unknown(unknown)
        except MailferryError as error:
            # The others are visited all the same; these leases run out.
            log.warning("leases of accounts that cannot be visited not ended", error=error)
        return usable

    async def _return_not_read(self) -> None:
        """Return the leases of accounts that could not be read, as the database went away meanwhile."""
        if self._not_read:
            fences = {lease.fence: 0.0 for lease in self._not_read}
            await self._leases.return_leases(fences, self._clock.now())
            self._not_read.clear()

    def _release(self, lease: Lease, problem: str) -> Release:
        """The end of a visit that could not begin."""
        now = self._clock.now()
        report = VisitReport(
            problem=problem,
            failed=True,
            temporary=False,
            method=lease.method,
            read_failures=lease.read_failures,
            state=lease.state,
        )
        return Release(lease.fence, report, now, now + UNUSABLE_ACCOUNT_DISTANCE, lease.revision)

    async def _return_unknown(self, leases: Iterable[Lease]) -> None:
        """Leave accounts alone that are not in the registry."""
        now = self._clock.now()
        unknown = {each.fence: self._removed_since(each.fence.account, now) for each in leases}
        await self._leases.return_leases(unknown, now + UNKNOWN_ACCOUNT_DISTANCE)

    def _removed_since(self, account: str, now: float) -> float:
        """Return when this fetcher first met an account that is not in the registry, once that is long ago;
        else 0. What nobody has visited in all that time is no account any more.
        """
        since = self._unknown_since.setdefault(account, now)
        return since if now - since > UNKNOWN_ACCOUNT_PATIENCE else 0.0
