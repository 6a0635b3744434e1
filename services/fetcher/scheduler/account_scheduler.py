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
UNKNOWN_ACCOUNT_PATIENCE = 86400.0


class AccountScheduler:
    """Of the fetcher called `name`."""

    def __init__(
        self, accounts: Mapping[str, Account], leases: FetcherStore, clock: Clock, name: str
    ) -> None:
        self.accounts: Mapping[str, Account] = dict(accounts)
        self.is_scheduled = False
        self._leases = leases
        self._clock = clock
        self._name = name
        self._strangers: dict[str, float] = {}
        self._mended: list[str] = []

    def change(self, accounts: Mapping[str, Account]) -> None:
        """Go by other accounts from the next `schedule` on. What was changed, a password perhaps, is due at
        once.
        """
        before, self.accounts = self.accounts, dict(accounts)
        self._mended += [
            each.id for each in self.accounts.values() if before.get(each.id) not in (None, each)
        ]
        self.is_scheduled = False

    async def schedule(self) -> None:
        """Bring the store's schedule up to the accounts."""
        self.is_scheduled = True  # before the first await: a change that comes meanwhile is not overlooked
        schedules = [
            Schedule(each.id, each.retry_times.poll, each.enabled, each.endpoint.host)
            for each in self.accounts.values()
        ]
        mended = len(self._mended)
        try:
            await self._leases.sync_accounts(schedules, self._clock.now())
            if mended:
                await self._leases.make_accounts_due(self._mended[:mended], self._clock.now())
                del self._mended[:mended]
        except MailferryError:
            self.is_scheduled = False
            raise

    async def due(
        self, until: float, limit: int, hosts: HostLimits, tenants: TenantRoom | None = None
    ) -> Sequence[Lease]:
        """Lease up to `limit` accounts that are due, for visits that this fetcher can make or not."""
        return await self._leases.lease_due(self._name, self._clock.now(), until, limit, hosts, tenants)

    async def these(self, names: Sequence[str], until: float) -> Sequence[Lease]:
        """Lease these accounts, due or not, except those that another process visits."""
        return await self._leases.lease_these(self._name, names, self._clock.now(), until)

    async def next_due(self, hosts: HostLimits) -> float | None:
        """In how many seconds the next account is due; None where there is none."""
        at = await self._leases.next_due(self._clock.now(), hosts)
        return None if at is None else at - self._clock.now()

    def bearable(
        self, names: Sequence[str], visited: Iterable[str], hosts: HostLimits, free: int
    ) -> tuple[list[str], list[str]]:
        """Those of `names` that can be visited now by what their hosts bear beside the accounts that are
        being `visited`, and those that cannot.
        """
        busy = [self.accounts[name].endpoint.host for name in visited]
        known = {name: self.accounts[name].endpoint.host for name in names if name in self.accounts}
        return bearable(names, known, busy, hosts, free)

    async def hand_back(self, strangers: Iterable[Lease]) -> None:
        """Leave accounts to others that are not configured here."""
        now = self._clock.now()
        unknown = {each.fence: self._stranger_since(each.fence.account, now) for each in strangers}
        await self._leases.return_leases(unknown, now + UNKNOWN_ACCOUNT_DISTANCE)

    def _stranger_since(self, account: str, now: float) -> float:
        """When this fetcher first met an account that its file does not name, once that is long ago; else 0.

        Another fetcher may serve it by another file, older or newer. What nobody has visited in all that time
        no file names any more.
        """
        since = self._strangers.setdefault(account, now)
        return since if now - since > UNKNOWN_ACCOUNT_PATIENCE else 0.0
