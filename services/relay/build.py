"""Puts a relay together from the configuration and the ports that its process chose."""

from __future__ import annotations

from functools import partial

from services.relay.delivery.attempt import Attempter
from services.relay.delivery.backoff import RetryPolicy
from services.relay.delivery.outcome_recorder import Observe, OutcomeRecorder, unobserved
from services.relay.maintenance.notices import Notifier
from services.relay.maintenance.overdue import Overdue
from services.relay.maintenance.sweep import Sweep
from services.relay.service import Relay
from services.relay.settings import RelaySettings
from services.relay.targets.circuit import ProbePolicy
from services.relay.targets.circuit_breakers import CircuitBreakers
from services.relay.targets.facts import LearntFacts
from services.relay.targets.reach import reach_and_leave
from services.relay.targets.target_queue import TargetQueues
from shared.config import Configuration
from shared.model.ids import message_id
from shared.runtime.batch_policy import batch_policy_for
from shared.runtime.runtime import Runtime

LANES = 2
"""A target may take one part in so many of what is held, so that it leaves to the others what they need."""


def build_relay(
    configuration: Configuration, around: Runtime, *, name: str, observe: Observe = unobserved
) -> Relay:
    """A relay called `name` in the journal; `observe` is told of outcomes."""
    section, lease = configuration.relay, configuration.leases.message
    settings = RelaySettings(name, lease, batch_policy_for(configuration.broker), around.topology)
    facts = LearntFacts(around.store.relay, around.clock)
    lanes = TargetQueues(
        configuration.targets,
        helo_name=section.helo_name,
        capacity=settings.appetite.prefetch // LANES,
        clock=around.clock,
        patience=lease / 2,
        learn=facts.learn_protection,
    )
    circuits = CircuitBreakers(
        configuration.targets,
        lanes,
        partial(reach_and_leave, helo_name=section.helo_name),
        around.store.relay,
        around.clock,
        ProbePolicy(section.probe_delays),
    )
    around.metrics.targets_out.set_function(lambda: len(circuits.open_circuits()))
    attempter = Attempter(
        accounts=configuration.accounts,
        targets=configuration.targets,
        blobs=around.blobs,
        clock=around.clock,
        retry=RetryPolicy(section.retry_delays, section.give_up),
        helo_name=section.helo_name,
        chance=around.chance,
        metrics=around.metrics,
        limits=facts,
    )
    notifier = Notifier(
        lambda: attempter.accounts,
        configuration.notices,
        around.store.maintenance,
        around.blobs,
        circuits,
        around.clock,
        section.helo_name,
        lambda: message_id(around.clock.now(), around.entropy),
    )
    return Relay(
        around.broker,
        around.store.relay,
        lanes,
        circuits,
        attempter,
        OutcomeRecorder(
            around.store.relay,
            around.broker,
            around.blobs,
            around.clock,
            around.metrics,
            settings,
            observe,
        ),
        [
            Overdue(around.store.maintenance, around.broker, around.clock, lease).run,
            Sweep(around.blobs, around.store.maintenance, around.clock).run,
            notifier.run,
            facts.run,
        ],
        settings,
    )
