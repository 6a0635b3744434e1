"""What a process provides to its services: adapters for their ports, metrics, clock and randomness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.contract.topology import Topology
from shared.ports.blobs import Blobs
from shared.ports.broker import Broker
from shared.ports.clock import Clock
from shared.ports.directory import Directories
from shared.ports.store import Store
from shared.ports.tokens import NO_GRANTS, GrantTokens
from shared.ports.tracing import NO_TRACING, Tracing
from shared.runtime.metrics import Metrics
from shared.runtime.oauth.opening import OAuth
from shared.runtime.oauth.token_keeper import TokenKeeper
from shared.runtime.registry import Registry
from shared.runtime.unrecorded_blobs import UnrecordedBlobs


@dataclass(frozen=True, slots=True)
class Runtime:
    """`chance` returns a number from 0 to 1, `entropy` so many random bytes. `cores` is that of the machine.

    `unrecorded` removes blobs that were stored and never recorded. `broker_memory` returns the octets of mail
    in a broker of this process, by tenant. `oauth` and `token_keeper` are None in tests that need none.
    """

    store: Store
    registry: Registry
    broker: Broker
    blobs: Blobs
    directories: Directories
    clock: Clock
    topology: Topology
    metrics: Metrics
    chance: Callable[[], float]
    entropy: Callable[[int], bytes]
    cores: int
    unrecorded: UnrecordedBlobs | None = None
    broker_memory: Callable[[], Mapping[str, int]] = dict
    grants: GrantTokens = NO_GRANTS
    oauth: OAuth | None = None
    token_keeper: TokenKeeper | None = None
    tracing: Tracing = NO_TRACING
