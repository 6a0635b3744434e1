"""What a visit uses of its surroundings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.fetcher.flow_control.backpressure import Backpressure
from services.fetcher.flow_control.blob_room import BlobRoom
from services.fetcher.flow_control.daily_limits import DailyLimits
from services.fetcher.mailboxes.visit_observer import NOT_OBSERVED, VisitObserver
from services.fetcher.maintenance.epoch_monitor import EpochMonitor
from shared.ports.blobs import Blobs
from shared.ports.broker import Broker
from shared.ports.clock import Clock
from shared.ports.store import FetcherStore
from shared.ports.tracing import NO_TRACING, Tracing
from shared.runtime.unrecorded_blobs import UnrecordedBlobs


@dataclass(frozen=True, slots=True)
class Ports:
    """`new_id` returns the identifier of a new message. `unrecorded_blobs` looks after blobs that are stored
    and not recorded yet; `blob_room` shares what the blob store has left among the visits. `revision` returns
    that of the registry as this process knows it. `observer` is told how the visit goes on.
    """

    ledger: FetcherStore
    broker: Broker
    blobs: Blobs
    clock: Clock
    new_id: Callable[[], str]
    backpressure: Backpressure | None = None
    epoch_monitor: EpochMonitor | None = None
    unrecorded_blobs: UnrecordedBlobs | None = None
    blob_room: BlobRoom | None = None
    daily_limits: DailyLimits | None = None
    revision: Callable[[], int] = lambda: 0
    tracing: Tracing = NO_TRACING
    observer: VisitObserver = NOT_OBSERVED
