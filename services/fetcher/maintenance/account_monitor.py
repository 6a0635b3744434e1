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
from shared.ports.store import AccountTotals, MaintenanceStore, UnregisteredMail
from shared.runtime.metrics import Metrics

INTERVAL = 30.0
CUSTODY_EVERY = 10
"""Mails are counted at one look in so many: that takes longer than counting accounts, and those counted here
stay for long."""
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

    def remark(self) -> str | None:
        """Return what is in custody for accounts that are not in the registry, as a sentence; None where
        nothing is.
        """
        return self._remark

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
        count the mails of accounts that are not in it.
        """
        found = await self._store.account_totals(self._clock.now(), MOST_TENANTS)
        self._report_accounts(found)
        self._metrics.lost_mails.set(await self._store.left_behind_count())
        if self._looks % CUSTODY_EVERY == 0 or found.revision != self._revision:
            self._report_custody(await self._store.unregistered_mail())
        self._revision = found.revision
        self._looks += 1

    def _report_accounts(self, found: AccountTotals) -> None:
        metrics = self._metrics
        for state in AccountCondition:
            metrics.accounts.labels(state=state.value).set(found.states.get(state, 0))
        metrics.tenant_failing.clear()
        for tenant, number in found.failing.items():
            metrics.tenant_failing.labels(tenant=tenant).set(number)
        metrics.failing_oldest.set(failure_age(found.failing_since, self._clock.now()))

    def _report_custody(self, custody: UnregisteredMail) -> None:
        mails = self._metrics.unnamed_mails
        mails.labels(held="source").set(custody.at_source)
        mails.labels(held="here").set(custody.here)
        before, self._remark = self._remark, strangers_sentence(custody)
        if self._remark is not None and self._remark != before:
            log.warning("mails of accounts that are not in the registry", problem=self._remark)
