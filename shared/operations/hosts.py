"""Source hosts: visits under way, limits, and what fetchers learnt of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from shared.model.hosts import HostLimit
from shared.operations.context import OperatorContext
from shared.operations.wording import minute
from shared.ports.store import HOST_THROTTLES, HostFact


@dataclass(frozen=True, slots=True)
class HostStatus:
    """A host: its limits, the `visits` under way, and what was learnt of it, as sentences."""

    host: str
    limit: HostLimit
    visits: int
    sentences: Sequence[str]


async def hosts(context: OperatorContext) -> list[HostStatus]:
    """Return the hosts that have visits under way, or of which something is known, by name."""
    now, limits = context.clock.now(), context.configuration.hosts
    visits = await context.store.busy_hosts(now)
    sentences: dict[str, list[str]] = defaultdict(list)
    for fact in await context.store.host_facts(now):
        sentences[_host_of(fact)].append(_sentence(fact))
    names = sorted({*visits, *sentences})
    return [HostStatus(each, limits.of(each), visits.get(each, 0), sentences[each]) for each in names]


def _host_of(fact: HostFact) -> str:
    """Return the host of a fact, which may be known of one port of it."""
    return fact.host if fact.kind == HOST_THROTTLES else fact.host.rpartition(":")[0]


def _sentence(fact: HostFact) -> str:
    until = minute(fact.until)
    if fact.kind == HOST_THROTTLES:
        return f"throttles visits; they are made more seldom until {until}"
    return f"refuses {fact.fact}, which it announces; it is asked again after {until}"
