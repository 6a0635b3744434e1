"""One pass: every account is visited, its mail delivered, what is settled deleted, and the rest reported.

Mail that cannot be delivered now stays at its source; the next pass, or a running Mailferry, goes on with it.
Parked mail that an operator wants retried is served, too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.fetcher.visit.report import Visit
from services.standalone.remaining import why_left
from services.standalone.together import Together, together
from shared.config import Configuration
from shared.model.account import Account
from shared.model.errors import ConfigurationError
from shared.model.message import RecipientStatus
from shared.net.protection import is_only_shortfall
from shared.ports.store import VisitReport
from shared.runtime.stop import Stop

MOST_VISITS = 1000
ELSEWHERE = "another process is visiting this account now"
PAUSED = "paused; `mailferry resume` lets it go on"
LOOK_AGAIN = 0.05


@dataclass(frozen=True, slots=True)
class AccountPass:
    """What one pass did for one account: mails fetched and deleted, recipients delivered, and recipients
    `suppressed`, who had the mail already.

    `waiting` mails are left at the source for another pass, None where the source did not tell; `parked`
    recipients await an operator, from earlier passes too. `problem` says why something is left, or what else
    the operator should know; with `is_done` it is no more than that TLS was wanted and is not all there.
    """

    account: str
    fetched: int
    delivered: int
    suppressed: int
    parked: int
    deleted: int
    waiting: int | None
    problem: str | None
    is_done: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.waiting == 0 and (self.problem is None or self.is_done)


async def once(configuration: Configuration, names: Sequence[str] = ()) -> list[AccountPass]:
    """One pass over the accounts called `names`, or all that are enabled. Raises ConfigurationError for an
    unknown name.
    """
    chosen = _chosen(configuration, names)
    async with together(configuration, wait_always=True) as all_three:
        return await one_pass(all_three, configuration, chosen)


async def one_pass(
    all_three: Together, configuration: Configuration, names: Sequence[str]
) -> list[AccountPass]:
    """One pass over the accounts called `names`, by services that were made and do not run yet."""
    stop = Stop()
    all_three.tally.clear()
    began_at = all_three.around.clock.now()
    async with asyncio.TaskGroup() as group:
        group.create_task(all_three.router.run(stop))
        group.create_task(all_three.relay.run(stop))
        try:
            history = await _visits(all_three, names)
            await _retries_begun(all_three, configuration)
        finally:
            stop.request("the pass is over")
    parked = Counter(each.message.account for each in await all_three.around.store.parked())
    suppressed = await all_three.around.store.suppressed_counts(began_at)
    return [
        await _summed(all_three, configuration.accounts[name], reports, parked[name], suppressed.get(name, 0))
        for name, reports in history.items()
    ]


async def _visits(all_three: Together, names: Sequence[str]) -> dict[str, list[VisitReport]]:
    """Visit each account until a visit leaves no more for the next one."""
    history: dict[str, list[VisitReport]] = {name: [] for name in names}
    remaining = list(names)
    for _ in range(MOST_VISITS):
        visits = await all_three.fetcher.visit_once(remaining)
        missing = [name for name in remaining if name not in visits]
        paused = await all_three.around.store.paused_among(missing) if missing else ()
        for name in remaining:
            left_alone = VisitReport(problem=PAUSED if name in paused else ELSEWHERE, failed=True)
            visit = visits.get(name) or Visit(left_alone, more=False)
            history[name].append(visit.report)
        remaining = [name for name, visit in visits.items() if visit.more]
        if not remaining:
            break
    return history


async def _retries_begun(all_three: Together, configuration: Configuration) -> None:
    """Wait a while until the relay has taken up what operators want retried; it ends what it has begun."""
    clock, store = all_three.around.clock, all_three.around.store
    lease = configuration.leases.message
    end = clock.monotonic() + configuration.fetcher.settle_wait
    while clock.monotonic() < end and await store.overdue(clock.now(), lease, 1):
        await clock.sleep(LOOK_AGAIN)


async def _summed(
    all_three: Together, account: Account, reports: Sequence[VisitReport], parked: int, suppressed: int
) -> AccountPass:
    name, last = account.id, reports[-1]
    reasons = [last.problem, await why_left(all_three.around.store, name) if last.waiting else None]
    return AccountPass(
        account=name,
        fetched=sum(each.fetched for each in reports),
        delivered=all_three.tally.count(name, RecipientStatus.DELIVERED),
        suppressed=suppressed,
        parked=parked,
        deleted=sum(each.deleted for each in reports),
        waiting=None if last.failed else last.waiting,
        problem="; ".join(filter(None, reasons)) or None,
        is_done=last.problem is not None and is_only_shortfall(last.problem, account.endpoint),
    )


def _chosen(configuration: Configuration, names: Sequence[str]) -> list[str]:
    unknown = [name for name in names if name not in configuration.accounts]
    if unknown:
        origin = configuration.document.origin
        raise ConfigurationError([f'{origin}: there is no account "{name}"' for name in unknown])
    return list(names) or [account.id for account in configuration.accounts.values() if account.enabled]
