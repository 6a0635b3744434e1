"""Shares what this process learnt about hosts with the other fetchers, and keeps it over a restart.

Features that a server announces and refuses, and hosts that throttle visits. All of it is knowledge that ends
by itself; where the database does not answer, a process goes by its own.
"""

from __future__ import annotations

import structlog

from services.fetcher.decide.throttled_hosts import ThrottledHosts
from shared.imap.refused_features import RefusedFeatures
from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.ports.store import HOST_REFUSES, HOST_THROTTLES, FetcherStore, HostFact

EXCHANGE_EVERY = 60.0
"""Seconds. Until then, another fetcher asks a server in vain once more."""
log = structlog.get_logger("mailferry.fetcher")


class HostMemory:
    """The knowledge of one process: `refused` and `throttled`."""

    def __init__(
        self, store: FetcherStore, clock: Clock, refused: RefusedFeatures, throttled: ThrottledHosts
    ) -> None:
        self._store = store
        self._clock = clock
        self._refused = refused
        self._throttled = throttled
        self._unwritten: dict[tuple[str, str, str], HostFact] = {}

    async def run(self) -> None:
        """Exchange what is known now and then, until cancelled."""
        while True:
            await self._clock.sleep(EXCHANGE_EVERY)
            await self.exchange()

    async def exchange(self) -> None:
        """Write what was learnt since the last time, and learn what is written."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        for server, feature, seconds in self._refused.take_news():
            self._keep(HostFact(HOST_REFUSES, server, feature, 0.0, now + seconds))
        for host, doublings, seconds in self._throttled.take_news(monotonic):
            self._keep(HostFact(HOST_THROTTLES, host, "", float(doublings), now + seconds))
        try:
            if self._unwritten:
                await self._store.note_host_facts([*self._unwritten.values()], now)
                self._unwritten.clear()
            facts = await self._store.host_facts(now)
        except MailferryError as error:
            log.debug("knowledge about hosts not exchanged", error=error)
            return
        for each in facts:
            if each.kind == HOST_REFUSES:
                self._refused.learn(each.host, each.fact, each.until - now)
            elif each.kind == HOST_THROTTLES:
                self._throttled.learn(each.host, int(each.number), each.until - now, monotonic)

    def _keep(self, fact: HostFact) -> None:
        self._unwritten[fact.kind, fact.host, fact.fact] = fact
