"""How much a service takes at a time, and how long it waits for that.

A batch costs a transaction and some round trips, whatever is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.config.settings import BrokerSettings

LITTLE = 10
"""Little is a tenth of a batch."""


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """How much is taken at a time: unsettled deliveries, and deliveries per batch. `linger` is how many
    seconds one waits for others, `filling` how long much may wait for the batch to be full: that costs hardly
    more than an emptier one. Of what is much, `at_once` batches may be under way: while one is written to the
    database, there is another to work on.
    """

    prefetch: int
    batch: int
    linger: float
    filling: float = 0.0
    at_once: int = 1

    def is_much(self, count: int) -> bool:
        """Whether so many are more than a little."""
        return count > max(1, self.batch // LITTLE)


NEAR = BatchPolicy(prefetch=600, batch=200, linger=0.003, at_once=2)
"""With broker and database in the process, where a batch costs little and nobody else works meanwhile."""
FAR = BatchPolicy(prefetch=1200, batch=800, linger=0.003, filling=0.15)
"""With a broker and a database that one speaks to in round trips."""


def batch_policy_for(broker: BrokerSettings) -> BatchPolicy:
    """How much to take at a time from this broker."""
    return NEAR if broker.in_process else FAR
