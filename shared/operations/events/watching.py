"""Looks for conditions that began or ended, records them, and queues deliveries to webhooks.

A look costs what is wrong, not what is there: each question is answered from an index of that alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import structlog

from shared.config.specs import tenant_limits_of
from shared.model.errors import MailferryError
from shared.model.oauth import ACCOUNT
from shared.model.spec import Kind as SpecKind
from shared.model.spec import Spec
from shared.oauth.schedule import app_forecasts
from shared.operations.context import OperatorContext
from shared.operations.events.conditions import Condition, Kind, condition_changes, parked_condition, quota
from shared.operations.events.webhook_bodies import deliveries_of
from shared.ports.store import SpecFilter, day_of

LOOK_EVERY = 30.0
"""Seconds between two looks at accounts, grants, targets and parked mail."""
LOOK_AT_LIMITS_EVERY = 300.0
"""Seconds between two looks at the limits of tenants and at apps, which read all tenants and apps."""
AT_ONCE = 500
"""Changes of one transaction. Where all accounts fail at once, one look writes them in portions."""
MOST_WEBHOOKS = 1000
PARKED_WITHIN = 3600.0
"""Seconds. Parked mail of an account is one event until none was parked for so long."""
KEPT = 30 * 86400.0
"""Seconds for which events and deliveries can be read."""

log = structlog.get_logger("mailferry.control")


@dataclass(slots=True)
class Watcher:
    """Notices what changed. Any number of processes may run one; each change is noted once."""

    context: OperatorContext
    looked_at_limits: float | None = None

    async def run(self) -> None:
        """Work until cancelled. While the database is away, nothing is noticed."""
        while True:
            try:
                await self.look()
            except MailferryError as error:
                log.warning("what changed is noticed later", error=error)
            await self.context.clock.sleep(LOOK_EVERY)

    async def look(self) -> int:
        """Note what changed since the last look; return how many changes these were."""
        now, store = self.context.clock.now(), self.context.events
        noted = await store.conditions()
        found = [each async for each in self._usual(now)]
        looked_at = {Kind.ACCOUNT, Kind.CONSENT, Kind.PARKED, Kind.TARGET}
        if self.looked_at_limits is None or now - self.looked_at_limits >= LOOK_AT_LIMITS_EVERY:
            found += [each async for each in self._limits(now)]
            looked_at |= {Kind.QUOTA, Kind.APP}
            self.looked_at_limits = now
            await store.prune_events(now - KEPT)
            await self.context.webhooks.prune_deliveries(now - KEPT)
        gone = await self._gone(noted, {each.name for each in found})
        changes = condition_changes(noted, found, now, looked_at=looked_at, gone=gone)
        known = await self.context.webhooks.webhooks(None, "", MOST_WEBHOOKS)
        hooks = [each for each in known if each.enabled]
        prepared = (replace(each, deliveries=deliveries_of(each, hooks)) for each in changes)
        count = 0
        while some := [*islice(prepared, AT_ONCE)]:
            count += await store.record_changes(some)
        return count

    async def _usual(self, now: float) -> AsyncIterator[Condition]:
        store = self.context.events
        for failing in await store.failing_accounts():
            yield Condition(Kind.ACCOUNT, failing.account, failing.problem or "", failing.is_visited)
        for waiting in await store.waiting_grants():
            kind, _, name = waiting.grant.partition(":")
            if kind == ACCOUNT:
                yield Condition(Kind.CONSENT, name, waiting.problem or "")
        for outage in await self.context.store.outages(now):
            yield Condition(Kind.TARGET, outage.target, outage.reason)
        for parked in await store.parked_since(now - PARKED_WITHIN):
            yield parked_condition(parked)

    async def _limits(self, now: float) -> AsyncIterator[Condition]:
        for app in (await self.context.oauth.apps.all()).values():
            for forecast in app_forecasts(app, now):
                yield Condition(Kind.APP, app.name, forecast.sentence)
        registry, after = self.context.registry.store, ""
        while tenants := await registry.list_specs(SpecKind.TENANT, after=after, limit=AT_ONCE):
            for condition in await self._quotas(tenants, now):
                yield condition
            after = tenants[-1].id

    async def _quotas(self, tenants: Sequence[Spec], now: float) -> list[Condition]:
        limits = {each.id: tenant_limits_of(each) for each in tenants}
        counted = {name: each.daily_mails for name, each in limits.items() if each.daily_mails}
        day, registry = day_of(now), self.context.registry.store
        used = await self.context.store.tenant_usage(day, day, [*counted]) if counted else ()
        mails = {each.tenant: each.mails for each in used}
        found: list[Condition] = []
        for name, each in limits.items():
            if each.daily_mails:
                found += quota(name, "daily_mails", mails.get(name, 0), each.daily_mails)
            if each.max_accounts:
                number = await registry.count_specs(SpecKind.ACCOUNT, SpecFilter(tenant=name))
                found += quota(name, "max_accounts", number, each.max_accounts)
        return found

    async def _gone(self, noted: Mapping[str, float], found: Collection[str]) -> set[str]:
        """Return the noted conditions of accounts that are not visited any more: they did not recover."""
        ended = {
            name: name.partition(" ")[2]
            for name in noted
            if name not in found and name.startswith((f"{Kind.ACCOUNT} ", f"{Kind.CONSENT} "))
        }
        if not ended:
            return set()
        specs = await self.context.registry.store.specs(SpecKind.ACCOUNT, sorted({*ended.values()}))
        visited = {each.id for each in specs if each.removed_at is None and each.enabled}
        return {name for name, account in ended.items() if account not in visited}
