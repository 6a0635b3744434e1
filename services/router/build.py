"""Puts a router together from the configuration and the ports that its process chose."""

from __future__ import annotations

from services.router.service import Router, RouterSettings
from shared.contract.topology import farthest_retry
from shared.ops.appetite import appetite_for
from shared.ops.config import Configuration
from shared.ops.surroundings import Surroundings


def build_router(
    configuration: Configuration, around: Surroundings, *, retries_at_once: bool = False
) -> Router:
    """A router for the configured accounts. With `retries_at_once` deferred mail that comes again does not
    wait until its retry is due.
    """
    longest_retry = 0.0 if retries_at_once else farthest_retry(configuration.relay.retry_delays)
    router = Router(
        accounts=configuration.accounts,
        broker=around.broker,
        routings=around.store,
        blobs=around.blobs,
        directories=around.directories,
        clock=around.clock,
        metrics=around.metrics,
        settings=RouterSettings(
            configuration.leases.message, appetite_for(configuration.broker), longest_retry
        ),
    )
    router.targets = configuration.targets
    return router
