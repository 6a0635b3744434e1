"""One pass: visit every account, deliver its mail, delete what is settled, and report what is left.

Mail that cannot be delivered now stays at its source for the next pass, or for a running Mailferry. Parked
mail that an operator retried is delivered, too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from services.fetcher.visit.report import Visit
from services.standalone.all_services import AllServices, all_services
from services.standalone.pass_progress import PassProgress
from shared.config import Configuration
from shared.model.errors import ConfigurationError, joined, quoted
from shared.model.message import RecipientStatus
from shared.model.spec import Kind
from shared.net.protection import is_only_shortfall
from shared.operations.pass_report import AccountPass, why_left
from shared.ports.store import VisitReport
from shared.runtime.stop import Stop

MAX_VISITS = 1000
"""Of one account, in case its visits never end."""
ELSEWHERE = "another process is visiting this account now"
PAUSED = "paused; `mailferry resume` lets it go on"
REPORT_EVERY = 0.2
"""Seconds between two reports of the progress."""
POLL_INTERVAL = 0.05
"""Seconds."""
PAGE = 1000
"""Accounts that are read from the registry at a time."""


async def once(
    configuration: Configuration, names: Sequence[str] = (), progress: PassProgress | None = None
) -> list[AccountPass]:
    """Make one pass over the accounts called `names`, or all that are enabled; return what it did for each.
    `progress` is told how it goes on.

    Raises `ConfigurationError` for an unknown name.
    """
    seen = progress or PassProgress()
    beginning = all_services(configuration, wait_always=True, observer=seen, progress=seen.applying)
    async with beginning as services:
        return await one_pass(services, configuration, await _chosen(services, names), seen)


async def one_pass(
    services: AllServices,
    configuration: Configuration,
    names: Sequence[str],
    progress: PassProgress | None = None,
) -> list[AccountPass]:
    """Make one pass over the accounts called `names`, with services that do not run yet."""
    seen = progress or PassProgress()
    seen.begin_pass(names)
    stop = Stop()
    services.outcomes.reset()
    began_at = services.runtime.clock.now()
    async with asyncio.TaskGroup() as group:
        group.create_task(services.router.run(stop))
        group.create_task(services.relay.run(stop))
        reporting = group.create_task(_report(services, seen))
        try:
            visits = await _visits(services, names)
            await _wait_for_retries(services, configuration)
        finally:
            reporting.cancel()
            stop.request("the pass is over")
    parked = Counter(
        each.message.account for each in await services.runtime.store.operator.parked_recipients()
    )
    suppressed = await services.runtime.store.operator.suppressed_counts(began_at)
    accounts = services.runtime.registry.accounts
    keeping = {name for name in visits if name in accounts and accounts[name].retention.leaves_a_copy}
    counts = await services.runtime.store.operator.account_counts([*visits]) if visits else {}
    return [
        replace(
            await _summed(services, name, visits[name], parked[name], suppressed.get(name, 0)),
            copies=counts[name].settled if name in keeping else 0,
            skipped=counts[name].skipped,
            in_flight=counts[name].in_flight,
        )
        for name in visits
    ]


async def _report(services: AllServices, progress: PassProgress) -> None:
    while True:
        progress.report(services.outcomes)
        await services.runtime.clock.sleep(REPORT_EVERY)


async def _visits(services: AllServices, names: Sequence[str]) -> dict[str, list[VisitReport]]:
    """Visit each account until a visit leaves no more for the next one."""
    reports: dict[str, list[VisitReport]] = {name: [] for name in names}
    remaining = list(names)
    for _ in range(MAX_VISITS):
        visits = await services.fetcher.visit_once(remaining)
        missing = [name for name in remaining if name not in visits]
        paused = await services.runtime.store.fetcher.paused_among(missing) if missing else ()
        for name in remaining:
            unusable = services.runtime.registry.accounts.problem(name)
            reason = unusable or (PAUSED if name in paused else ELSEWHERE)
            not_visited = VisitReport(problem=reason, failed=True)
            visit = visits.get(name) or Visit(not_visited, more=False)
            reports[name].append(visit.report)
        remaining = [name for name, visit in visits.items() if visit.more]
        if not remaining:
            break
    return reports


async def _wait_for_retries(services: AllServices, configuration: Configuration) -> None:
    """Wait until the relay has begun the retries that operators asked for; it finishes what it has begun."""
    clock, store = services.runtime.clock, services.runtime.store
    lease = configuration.leases.message
    end = clock.monotonic() + configuration.fetcher.settle_wait
    while clock.monotonic() < end and await store.maintenance.overdue_messages(clock.now(), lease, 1):
        await clock.sleep(POLL_INTERVAL)


async def _summed(
    services: AllServices, name: str, reports: Sequence[VisitReport], parked: int, suppressed: int
) -> AccountPass:
    last, account = reports[-1], services.runtime.registry.accounts.get(name)
    reasons = [last.problem, await why_left(services.runtime.store, name) if last.waiting else None]
    return AccountPass(
        account=name,
        fetched=sum(each.fetched for each in reports),
        delivered=services.outcomes.count(name, RecipientStatus.DELIVERED),
        suppressed=suppressed,
        parked=parked,
        deleted=sum(each.deleted for each in reports),
        waiting=None if last.failed else last.waiting,
        problem=joined(filter(None, reasons)) or None,
        only_tls_missing=last.problem is not None
        and account is not None
        and is_only_shortfall(last.problem, account.endpoint),
    )


async def _chosen(services: AllServices, names: Sequence[str]) -> list[str]:
    """The accounts that are named, or all that are enabled. Raises `ConfigurationError`."""
    store = services.runtime.store.registry
    if names:
        known = {each.id for each in await store.specs(Kind.ACCOUNT, names) if each.removed_at is None}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ConfigurationError([f'there is no account "{quoted(name)}"' for name in unknown])
        return list(names)
    chosen: list[str] = []
    after = ""
    while page := await store.list_specs(Kind.ACCOUNT, after, PAGE):
        chosen += [each.id for each in page if each.enabled]
        after = page[-1].id
    return chosen
