"""Counts the accounts that work and those that do not, and the mails in custody for accounts that are not in
the registry.

Every fetcher reports all accounts, whichever fetcher visits them: no account depends on one process to be
reported. The database counts, so nothing here grows with the number of accounts.
"""

from __future__ import annotations

import structlog

from services.fetcher.decide.account_condition import failure_age, strangers_sentence
from shared.model.account_condition import AccountCondition
from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import AccountTotals, MaintenanceStore, UnregisteredMail, day_of
from shared.runtime.metrics import Metrics

INTERVAL = 30.0
CUSTODY_EVERY = 10
"""Mails are counted at one look in so many: that takes longer than counting accounts, and those counted here
stay for long."""
MOST_BUSY = 20
"""Tenants with most mails of the day that are reported by name."""
MOST_TENANTS = 100
"""Tenants with failing accounts that are reported by name."""

log = structlog.get_logger("mailferry.fetcher")


class AccountMonitor:
    """Watches all accounts."""

    def __init__(self, store: MaintenanceStore, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._revision = -1
        self._remark: str | None = None
        self._looks = 0
        self._unsettled_since: float | None = None

    def remark(self) -> str | None:
        """Return what is in custody for accounts that are not in the registry, as a sentence; None where
        nothing is.
        """
        return self._remark

    def unsettled_age(self) -> float:
        """Return the age in seconds of the oldest mail that the database knows as not done, as of the last
        look; 0 if there is none.
        """
        return failure_age(self._unsettled_since, self._clock.now())

    async def run(self) -> None:
        """Update the metrics regularly, until cancelled. While the database is away they do not change."""
        while True:
            try:
                await self.update()
            except MailferryError as error:
                log.debug("accounts not counted", error=error)
            await self._clock.sleep(INTERVAL)

    async def update(self) -> None:
        """Count the accounts and what their sources lost. Now and then, and when the registry was changed,
        count the mails of accounts that are not in it and of the busiest tenants, and look for the oldest.
        """
        found = await self._store.account_totals(self._clock.now(), MOST_TENANTS)
        self._report_accounts(found)
        self._metrics.lost_mails.set(await self._store.left_behind_count())
        if self._looks % CUSTODY_EVERY == 0 or found.revision != self._revision:
            self._report_custody(await self._store.unregistered_mail())
            self._unsettled_since = await self._store.oldest_unsettled()
            busiest = await self._store.busiest_tenants(day_of(self._clock.now()), MOST_BUSY)
            self._metrics.report_busy_tenants(busiest)
        self._revision = found.revision
        self._looks += 1

    def _report_accounts(self, found: AccountTotals) -> None:
        metrics = self._metrics
        for state in AccountCondition:
            metrics.accounts.labels(state=state.value).set(found.states.get(state, 0))
        metrics.report_failing_tenants(found.failing)
        metrics.failing_oldest.set(failure_age(found.failing_since, self._clock.now()))

    def _report_custody(self, custody: UnregisteredMail) -> None:
        mails = self._metrics.unnamed_mails
        mails.labels(held="source").set(custody.at_source)
        mails.labels(held="here").set(custody.here)
        before, self._remark = self._remark, strangers_sentence(custody)
        if self._remark is not None and self._remark != before:
            log.warning("mails of accounts that are not in the registry", problem=self._remark)
