"""Build a router from the configuration and the ports of its process."""

from __future__ import annotations

from services.router.service import Router, RouterSettings
from shared.config import Configuration
from shared.contract.topology import longest_retry_delay
from shared.runtime.batch_policy import batch_policy_for
from shared.runtime.runtime import Runtime


def build_router(configuration: Configuration, runtime: Runtime, *, retries_at_once: bool = False) -> Router:
    """Return a router for the configured accounts.

    With `retries_at_once`, deferred mail that was fetched again is tried at once, not when its retry is due.
    """
    longest_retry = 0.0 if retries_at_once else longest_retry_delay(configuration.relay.retry_delays)
    return Router(
        registry=runtime.registry,
        broker=runtime.broker,
        routings=runtime.store.router,
        blobs=runtime.blobs,
        directories=runtime.directories,
        clock=runtime.clock,
        metrics=runtime.metrics,
        settings=RouterSettings(
            configuration.leases.message,
            batch_policy_for(configuration.broker),
            longest_retry,
            runtime.tracing,
        ),
    )
