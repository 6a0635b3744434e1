"""One pass: every account is visited, its mail delivered, what is settled deleted, and the rest reported.

Mail that cannot be delivered now stays at its source; the next pass, or a running Mailferry, goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.fetcher.session import Visit
from services.standalone.together import Together, together
from shared.model.errors import ConfigurationError
from shared.ops.config import Configuration
from shared.ops.stopping import Stop
from shared.ports.store import VisitReport

MOST_VISITS = 1000
ELSEWHERE = "another process is visiting this account now"


@dataclass(frozen=True, slots=True)
class AccountPass:
    """What one pass did for one account."""

    account: str
    fetched: int
    deleted: int
    waiting: int
    problem: str | None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.waiting == 0 and self.problem is None


async def once(configuration: Configuration, names: Sequence[str] = ()) -> list[AccountPass]:
    """One pass over the accounts called `names`, or all that are enabled. Raises ConfigurationError for an
    unknown name.
    """
    chosen = _chosen(configuration, names)
    async with together(configuration, wait_always=True) as all_three:
        return await _pass(all_three, chosen)


async def _pass(all_three: Together, names: Sequence[str]) -> list[AccountPass]:
    stop = Stop()
    async with asyncio.TaskGroup() as group:
        group.create_task(all_three.router.run(stop))
        group.create_task(all_three.relay.run(stop))
        try:
            return await _visits(all_three, names)
        finally:
            stop.ask("the pass is over")


async def _visits(all_three: Together, names: Sequence[str]) -> list[AccountPass]:
    """Visit each account until a visit leaves no more for the next one."""
    history: dict[str, list[VisitReport]] = {name: [] for name in names}
    remaining = list(names)
    for _ in range(MOST_VISITS):
        visits = await all_three.fetcher.visit_once(remaining)
        for name in remaining:
            visit = visits.get(name) or Visit(VisitReport(problem=ELSEWHERE, failed=True), more=False)
            history[name].append(visit.report)
        remaining = [name for name, visit in visits.items() if visit.more and _moved(visit)]
        if not remaining:
            break
    return [_summed(name, reports) for name, reports in history.items()]


def _moved(visit: Visit) -> bool:
    """Whether the visit got something done; one that did not would be repeated for ever."""
    return bool(visit.report.fetched or visit.report.deleted)


def _summed(name: str, reports: Sequence[VisitReport]) -> AccountPass:
    return AccountPass(
        account=name,
        fetched=sum(each.fetched for each in reports),
        deleted=sum(each.deleted for each in reports),
        waiting=reports[-1].waiting,
        problem=reports[-1].problem,
    )


def _chosen(configuration: Configuration, names: Sequence[str]) -> list[str]:
    unknown = [name for name in names if name not in configuration.accounts]
    if unknown:
        origin = configuration.document.origin
        raise ConfigurationError([f'{origin}: there is no account "{name}"' for name in unknown])
    return list(names) or [account.id for account in configuration.accounts.values() if account.enabled]
