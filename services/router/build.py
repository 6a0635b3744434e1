"""Puts a router together from the configuration and the ports that its process chose."""

from __future__ import annotations

from services.router.service import Router, RouterSettings
from shared.config import Configuration
from shared.contract.topology import farthest_retry
from shared.runtime.batch_policy import batch_policy_for
from shared.runtime.runtime import Runtime


def build_router(configuration: Configuration, around: Runtime, *, retries_at_once: bool = False) -> Router:
    """A router for the configured accounts. With `retries_at_once` deferred mail that comes again does not
    wait until its retry is due.
    """
    longest_retry = 0.0 if retries_at_once else farthest_retry(configuration.relay.retry_delays)
    router = Router(
        accounts=configuration.accounts,
        broker=around.broker,
        routings=around.store.router,
        blobs=around.blobs,
        directories=around.directories,
        clock=around.clock,
        metrics=around.metrics,
        settings=RouterSettings(
            configuration.leases.message, batch_policy_for(configuration.broker), longest_retry
        ),
    )
    router.targets = configuration.targets
    return router
