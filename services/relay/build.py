"""Puts a relay together from the configuration and the ports that its process chose."""

from __future__ import annotations

from services.relay.attempt import Attempter
from services.relay.backoff import RetryPolicy
from services.relay.conclusions import Conclusions, Observe, unobserved
from services.relay.lane import Lanes
from services.relay.overdue import Overdue
from services.relay.service import Relay, RelaySettings
from shared.ops.config import Configuration
from shared.ops.consuming import Appetite
from shared.ops.surroundings import Surroundings

APPETITE = Appetite(prefetch=600, batch=200, linger=0.003)


def build_relay(
    configuration: Configuration, around: Surroundings, *, name: str, observe: Observe = unobserved
) -> Relay:
    """A relay called `name` in the journal; `observe` is told of outcomes."""
    section = configuration.relay
    lease = configuration.leases.message
    return Relay(
        around.broker,
        around.store,
        Lanes(
            configuration.targets,
            helo_name=section.helo_name,
            capacity=_lane_capacity(len(configuration.targets)),
            clock=around.clock,
            patience=lease / 2,
        ),
        Attempter(
            accounts=configuration.accounts,
            targets=configuration.targets,
            blobs=around.blobs,
            clock=around.clock,
            retry=RetryPolicy(section.retry_delays, section.give_up),
            helo_name=section.helo_name,
            chance=around.chance,
            metrics=around.metrics,
        ),
        Conclusions(
            around.store,
            around.broker,
            around.blobs,
            around.clock,
            around.topology,
            around.metrics,
            lease,
            observe,
        ),
        Overdue(around.store, around.broker, around.clock, lease),
        around.topology,
        RelaySettings(name, lease, APPETITE),
    )


def _lane_capacity(targets: int) -> int:
    """One target may take all there is; of several, none may take what the others need."""
    return APPETITE.prefetch if targets <= 1 else APPETITE.prefetch // 2
