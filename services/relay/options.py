"""The options of one relay process."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contract.topology import Topology
from shared.runtime.batch_policy import BatchPolicy


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """`worker` names this relay in the journal; `message_lease` is in seconds."""

    worker: str
    message_lease: float
    batch_policy: BatchPolicy
    topology: Topology
