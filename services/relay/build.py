"""Builds a relay from the configuration and the ports that its process chose."""

from __future__ import annotations

from functools import partial

from services.relay.delivery.attempt import Attempter
from services.relay.delivery.outcome import RetryPolicy
from services.relay.delivery.outcome_recorder import ObserveOutcome, OutcomeRecorder, ignore_outcome
from services.relay.maintenance.blob_sweep import BlobSweep
from services.relay.maintenance.notices import Notifier
from services.relay.maintenance.overdue_mails import OverdueMails
from services.relay.options import RelayOptions
from services.relay.service import Relay
from services.relay.targets.circuit import ProbePolicy
from services.relay.targets.circuit_breakers import CircuitBreakers, probe_target
from services.relay.targets.facts import LearntFacts
from services.relay.targets.target_pools import TargetPools
from shared.config import Configuration
from shared.model.ids import message_id
from shared.runtime.batch_policy import batch_policy_for
from shared.runtime.runtime import Runtime

POOL_SHARE = 2
"""A target's pool has room for one part in so many of the prefetched mails, so that others have room, too."""


def build_relay(
    configuration: Configuration,
    runtime: Runtime,
    *,
    name: str,
    observe_outcome: ObserveOutcome = ignore_outcome,
) -> Relay:
    """Return a relay called `name` in the journal; `observe_outcome` is called with each outcome."""
    section, lease, registry = configuration.relay, configuration.leases.message, runtime.registry
    options = RelayOptions(name, lease, batch_policy_for(configuration.broker), runtime.topology)
    facts = LearntFacts(runtime.store.relay, runtime.clock)
    pools = TargetPools(
        registry.targets,
        helo_name=section.helo_name,
        capacity=options.batch_policy.prefetch // POOL_SHARE,
        clock=runtime.clock,
        longest_wait=lease / 2,
        learn_protection=facts.learn_protection,
        grants=runtime.grants,
    )
    circuit_breakers = CircuitBreakers(
        registry.targets,
        pools,
        partial(probe_target, helo_name=section.helo_name, grants=runtime.grants),
        runtime.store.relay,
        runtime.clock,
        ProbePolicy(section.probe_delays),
        runtime.metrics.report_targets_out,
    )
    connections = runtime.metrics.connections
    connections.labels(state="busy").set_function(lambda: pools.connections()[0])
    connections.labels(state="idle").set_function(lambda: pools.connections()[1])
    runtime.metrics.targets_out.set_function(lambda: len(circuit_breakers.open_circuits()))
    attempter = Attempter(
        registry=registry,
        blobs=runtime.blobs,
        clock=runtime.clock,
        retry=RetryPolicy(section.retry_delays, section.give_up),
        helo_name=section.helo_name,
        chance=runtime.chance,
        metrics=runtime.metrics,
        limits=facts,
        tracing=runtime.tracing,
    )
    notifier = Notifier(
        registry,
        configuration.notices,
        runtime.store.maintenance,
        runtime.blobs,
        circuit_breakers,
        runtime.clock,
        section.helo_name,
        lambda: message_id(runtime.clock.now(), runtime.entropy),
    )
    return Relay(
        runtime.broker,
        runtime.store.relay,
        pools,
        circuit_breakers,
        attempter,
        OutcomeRecorder(
            runtime.store.relay,
            runtime.broker,
            runtime.blobs,
            runtime.clock,
            runtime.metrics,
            options,
            observe_outcome,
            runtime.tracing,
        ),
        [
            OverdueMails(runtime.store.maintenance, runtime.broker, runtime.clock, lease).run,
            BlobSweep(runtime.blobs, runtime.store.maintenance, runtime.clock).run,
            notifier.run,
            facts.run,
        ],
        options,
    )
