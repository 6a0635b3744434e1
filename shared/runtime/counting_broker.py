"""A broker that counts what is published through it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from shared.contract.topology import DEAD_KEY
from shared.ports.broker import Broker, Publication, QueueState, Subscription, Unroutable
from shared.runtime.metrics import Metrics


class CountingBroker:
    """Passes everything on to `broker`, and counts it in `metrics`."""

    def __init__(self, broker: Broker, metrics: Metrics) -> None:
        self._broker = broker
        self._metrics = metrics
        metrics.broker_up.set_function(lambda: self.problem() is None)

    async def publish(self, publications: Sequence[Publication]) -> None:
        """See the port."""
        metrics = self._metrics
        metrics.published.inc(len(publications))
        metrics.dead_events.inc(sum(each.key == DEAD_KEY for each in publications))
        try:
            await self._broker.publish(publications)
        except Unroutable as error:
            metrics.unroutable.inc(len(error.publications))
            metrics.confirmed.inc(len(publications) - len(error.publications))
            raise
        metrics.confirmed.inc(len(publications))

    def subscribe(self, queue: str, prefetch: int) -> AbstractAsyncContextManager[Subscription]:
        """See the port."""
        return self._broker.subscribe(queue, prefetch)

    def subscribe_hints(self, fetcher: str, prefetch: int) -> AbstractAsyncContextManager[Subscription]:
        """See the port."""
        return self._broker.subscribe_hints(fetcher, prefetch)

    async def queue_states(self) -> Sequence[QueueState]:
        """See the port."""
        return await self._broker.queue_states()

    def problem(self) -> str | None:
        """See the port."""
        return self._broker.problem()

    async def close(self) -> None:
        """See the port."""
        await self._broker.close()
