"""Setting up and cleaning: the database's schema, the queues on RabbitMQ, old blobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.adapters.rabbitmq.topology import topology_apply, topology_check
from shared.adapters.sql import upgrade
from shared.adapters.sql.schema import newest_revision
from shared.config import Configuration
from shared.contract.topology import Topology, topology
from shared.model.errors import ConfigurationError, Fault, MailferryError
from shared.model.progress import Progress, no_progress
from shared.operations.context import OperatorContext, open_context
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore

__all__ = [
    "BlobsSwept",
    "BlobsTooYoung",
    "Topology",
    "TopologyCheck",
    "apply_topology",
    "check_topology",
    "schema_revision",
    "sweep_blobs",
    "upgrade_database",
]
SHORTEST_BLOB_AGE = 3600.0
"""Seconds. A fetcher stores a blob before it records the mail: a younger one may just be being stored."""


class BlobsTooYoung(MailferryError):
    """The operator wants blobs removed that may just be being stored."""

    temporary = False
    fault = Fault.OPERATOR


@dataclass(frozen=True, slots=True)
class BlobsSwept:
    """How many old blobs were removed, how many are needed, how many unfinished ones were removed."""

    removed: int
    needed: int
    unfinished: int


class SweepCounts(Protocol):
    """What a sweep did."""

    @property
    def removed(self) -> int: ...

    @property
    def needed(self) -> int: ...

    @property
    def leftovers(self) -> int: ...


class BlobSweep(Protocol):
    """The relay's sweep."""

    async def sweep_once(self) -> SweepCounts:
        """Remove what nobody needs."""
        ...


MakeSweep = Callable[[Blobs, MaintenanceStore, Clock, float], BlobSweep]


async def upgrade_database(configuration: Configuration, progress: Progress = no_progress) -> None:
    """Bring the schema up to what this Mailferry needs; without effect where it is."""
    upgrade(configuration.store.url.get_secret_value(), progress)
    async with open_context(configuration):
        pass


def schema_revision() -> str:
    """Return the revision of the schema that this Mailferry needs."""
    return newest_revision()


async def apply_topology(configuration: Configuration) -> Topology:
    """Declare the exchange and the queues that are missing on RabbitMQ; what exists is left as it is.

    Raises `ConfigurationError` where the broker is not RabbitMQ.
    """
    url, plan = _broker(configuration)
    await topology_apply(url, plan)
    return plan


@dataclass(frozen=True, slots=True)
class TopologyCheck:
    """What is wanted on RabbitMQ, and what is missing or different there, as sentences."""

    topology: Topology
    problems: Sequence[str]


async def check_topology(configuration: Configuration) -> TopologyCheck:
    """Compare the exchange and the queues on RabbitMQ with what is wanted; nothing is changed.

    Raises `ConfigurationError` where the broker is not RabbitMQ.
    """
    url, plan = _broker(configuration)
    return TopologyCheck(plan, await topology_check(url, plan))


def _broker(configuration: Configuration) -> tuple[str, Topology]:
    if configuration.broker.in_process:
        origin = configuration.document.origin
        raise ConfigurationError(
            [f'{origin}: [broker] "url": memory: has no queues to set up; name an amqp:// or amqps:// URL']
        )
    return configuration.broker.url.get_secret_value(), topology(configuration.relay.retry_delays)


async def sweep_blobs(context: OperatorContext, older_than: float, make_sweep: MakeSweep) -> BlobsSwept:
    """Remove blobs older than `older_than` seconds that no mail needs any more.

    `make_sweep` makes the relay's sweep. Raises `BlobsTooYoung`.
    """
    if older_than < SHORTEST_BLOB_AGE:
        raise BlobsTooYoung("A blob younger than an hour may just be being stored; name an hour or more.")
    found = await make_sweep(context.blobs, context.maintenance, context.clock, older_than).sweep_once()
    return BlobsSwept(found.removed, found.needed, found.leftovers)
