"""Puts a router together from the configuration and the ports that its process chose."""

from __future__ import annotations

from services.router.service import Router, RouterSettings
from shared.ops.config import Configuration
from shared.ops.consuming import Appetite
from shared.ops.surroundings import Surroundings

APPETITE = Appetite(prefetch=600, batch=200, linger=0.003)


def build_router(configuration: Configuration, around: Surroundings) -> Router:
    """A router for the configured accounts."""
    router = Router(
        accounts=configuration.accounts,
        broker=around.broker,
        routings=around.store,
        blobs=around.blobs,
        directories=around.directories,
        clock=around.clock,
        metrics=around.metrics,
        settings=RouterSettings(configuration.leases.message, APPETITE),
    )
    router.targets = configuration.targets
    return router
