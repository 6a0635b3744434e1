"""What a process puts around its services: the ports it chose adapters for, and what it measures with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.contract.topology import Topology
from shared.ports.blobs import Blobs
from shared.ports.broker import Broker
from shared.ports.clock import Clock
from shared.ports.directory import Directories
from shared.ports.store import Store
from shared.runtime.metrics import Metrics
from shared.runtime.unrecorded_blobs import UnrecordedBlobs


@dataclass(frozen=True, slots=True)
class Runtime:
    """`chance` gives numbers from 0 to 1, `entropy` that many random bytes; `cores` is what the machine
    has. `unrecorded` looks after blobs that are stored and not yet recorded. `held` tells how many octets of
    mail a broker inside this process holds, by tenant.
    """

    store: Store
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
    held: Callable[[], Mapping[str, int]] = dict
