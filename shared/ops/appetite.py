"""How much a service takes at a time, and how long it waits for that.

A batch costs a transaction and some round trips, whatever is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.ops.config.runtime import BrokerSection

STREAM = 10
"""Many come where a batch was filled to a tenth."""


@dataclass(frozen=True, slots=True)
class Appetite:
    """How much is taken at a time: unsettled deliveries, deliveries per batch, seconds to wait for a batch to
    fill: `linger`, and `stream_linger` while many come. Then a fuller batch, which costs hardly more than an
    emptier one, is worth more than a moment.
    """

    prefetch: int
    batch: int
    linger: float
    stream_linger: float = 0.0

    def linger_after(self, count: int) -> float:
        """How long the next batch may wait after one of `count`."""
        streams = count * STREAM >= self.batch
        return max(self.linger, self.stream_linger) if streams else self.linger


NEAR = Appetite(prefetch=600, batch=200, linger=0.003)
"""With broker and database in the process, where a batch costs little."""
FAR = Appetite(prefetch=1200, batch=400, linger=0.003, stream_linger=0.08)
"""With a broker and a database that one speaks to in round trips."""


def appetite_for(broker: BrokerSection) -> Appetite:
    """How much to take at a time from this broker."""
    return NEAR if broker.in_process else FAR
