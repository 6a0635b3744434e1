"""Which accounts there are, and which of them are to be visited now: the configuration's accounts, and their
schedule in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.fetcher.decide.schedule import bearable
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.hosts import HostLimits
from shared.model.tenant_room import TenantRoom
from shared.ports.clock import Clock
from shared.ports.store import FetcherStore, Lease, Schedule

UNKNOWN_ACCOUNT_DISTANCE = 10.0
"""Seconds until an account that is not configured here is offered again."""
UNKNOWN_ACCOUNT_PATIENCE = 86400.0
"""Seconds after which an account that is not configured here counts as removed."""


class AccountScheduler:
    """Leases accounts for the fetcher called `name`."""

    def __init__(
        self, accounts: Mapping[str, Account], leases: FetcherStore, clock: Clock, name: str
    ) -> None:
        self.accounts: Mapping[str, Account] = dict(accounts)
        self.is_scheduled = False
        self._leases = leases
        self._clock = clock
        self._name = name
        self._unknown_since: dict[str, float] = {}
        self._changed: list[str] = []

    def change_accounts(self, accounts: Mapping[str, Account]) -> None:
        """Use other accounts from the next `schedule_accounts` on. An account that was changed, its password
        perhaps, is due at once.
        """
        before, self.accounts = self.accounts, dict(accounts)
        self._changed += [
            each.id for each in self.accounts.values() if before.get(each.id) not in (None, each)
        ]
        self.is_scheduled = False

    async def schedule_accounts(self) -> None:
        """Write the accounts into the store's schedule. Raises what the store raises."""
        self.is_scheduled = True  # before the first await: a change that comes meanwhile is not overlooked
        schedules = [
            Schedule(each.id, each.retry_times.poll.longest, each.enabled, each.endpoint.host)
            for each in self.accounts.values()
        ]
        changed = len(self._changed)
        try:
            await self._leases.sync_accounts(schedules, self._clock.now())
            if changed:
                await self._leases.make_accounts_due(self._changed[:changed], self._clock.now())
                del self._changed[:changed]
        except MailferryError:
            self.is_scheduled = False
            raise

    async def lease_due(
        self, until: float, limit: int, hosts: HostLimits, tenants: TenantRoom | None = None
    ) -> Sequence[Lease]:
        """Lease up to `limit` accounts that are due, also such that are not configured here."""
        return await self._leases.lease_due(self._name, self._clock.now(), until, limit, hosts, tenants)

    async def lease_named(self, names: Sequence[str], until: float) -> Sequence[Lease]:
        """Lease these accounts, due or not, except those that another process visits."""
        return await self._leases.lease_these(self._name, names, self._clock.now(), until)

    async def next_due(self, hosts: HostLimits) -> float | None:
        """Return in how many seconds the next account is due; None where there is none."""
        at = await self._leases.next_due(self._clock.now(), hosts)
        return None if at is None else at - self._clock.now()

    def split_by_host_limits(
        self, names: Sequence[str], visited: Iterable[str], hosts: HostLimits, free: int
    ) -> tuple[list[str], list[str]]:
        """Return those of `names` that can be visited now beside the accounts that are being `visited`, by
        the limits of their hosts, and those that cannot.
        """
        busy = [self.accounts[name].endpoint.host for name in visited]
        known = {name: self.accounts[name].endpoint.host for name in names if name in self.accounts}
        return bearable(names, known, busy, hosts, free)

    async def return_unknown(self, leases: Iterable[Lease]) -> None:
        """Leave accounts to other fetchers that are not configured here."""
        now = self._clock.now()
        unknown = {each.fence: self._removed_since(each.fence.account, now) for each in leases}
        await self._leases.return_leases(unknown, now + UNKNOWN_ACCOUNT_DISTANCE)

    def _removed_since(self, account: str, now: float) -> float:
        """Return when this fetcher first met an account that is not configured here, once that is long ago;
        else 0.

        Another fetcher may serve it by another file, older or newer. An account that nobody has visited in
        all that time is in no file any more.
        """
        since = self._unknown_since.setdefault(account, now)
        return since if now - since > UNKNOWN_ACCOUNT_PATIENCE else 0.0
