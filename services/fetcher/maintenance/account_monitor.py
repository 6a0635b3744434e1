"""Counts the accounts that work and those that do not, and the mails in custody for accounts that are not
configured.

Every fetcher reads the whole database and reports all accounts that its configuration names, whichever
fetcher visits them: no account depends on one process to be reported.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from services.fetcher.decide.account_condition import (
    AccountCondition,
    Overview,
    oldest_failure,
    overview,
    strangers_sentence,
)
from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import CustodySummary, MaintenanceStore
from shared.runtime.metrics import Metrics

INTERVAL = 30.0
CUSTODY_EVERY = 10
"""Mails are counted at one look in so many: they are more than accounts, and those counted here stay for
long."""
MOST_TENANTS = 100
"""Tenants with failing accounts that are reported by name."""

log = structlog.get_logger("mailferry.fetcher")


class AccountMonitor:
    """Watches all accounts."""

    def __init__(self, standings: MaintenanceStore, clock: Clock, metrics: Metrics) -> None:
        self._standings = standings
        self._clock = clock
        self._metrics = metrics
        self._seen_failing: dict[str, float] = {}
        self._unknown: frozenset[str] = frozenset()
        self._remark: str | None = None
        self._looks = 0

    def remark(self) -> str | None:
        """Return what is in custody for accounts that are not configured, as a sentence; None where nothing
        is.
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
        """Count the accounts and what their sources lost. Now and then, and when other accounts than before
        are not configured, count the mails of those.
        """
        found = overview(await self._standings.account_summaries(), self._clock.now())
        self._report_accounts(found)
        self._metrics.lost_mails.set(await self._standings.left_behind_count())
        unknown = frozenset(found.strangers)
        if self._looks % CUSTODY_EVERY == 0 or unknown != self._unknown:
            self._report_custody(await self._standings.custody_summaries(sorted(unknown)) if unknown else {})
        self._unknown = unknown
        self._looks += 1

    def _report_accounts(self, found: Overview) -> None:
        metrics, now = self._metrics, self._clock.now()
        for state in AccountCondition:
            metrics.accounts.labels(state=state.value).set(found.states[state])
        metrics.tenant_failing.clear()
        # By name where the numbers are equal: else each update would report others, by the order of the rows.
        most = sorted(found.failing.items(), key=lambda each: (-each[1], each[0]))[:MOST_TENANTS]
        for tenant, number in most:
            metrics.tenant_failing.labels(tenant=tenant).set(number)
        self._seen_failing = {each: self._seen_failing.get(each, now) for each in found.failing_since}
        metrics.failing_oldest.set(oldest_failure(found.failing_since, self._seen_failing, now))

    def _report_custody(self, custody: Mapping[str, CustodySummary]) -> None:
        mails = self._metrics.unnamed_mails
        mails.labels(held="source").set(sum(each.at_source for each in custody.values()))
        mails.labels(held="here").set(sum(each.here for each in custody.values()))
        before, self._remark = self._remark, strangers_sentence(custody)
        if self._remark is not None and self._remark != before:
            log.warning("mails of accounts that are not configured", problem=self._remark)
