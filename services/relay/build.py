"""Puts a relay together from the configuration and the ports that its process chose."""

from __future__ import annotations

from functools import partial

from services.relay.chores.notices import Notifier
from services.relay.chores.overdue import Overdue
from services.relay.chores.sweep import Sweep
from services.relay.delivery.attempt import Attempter
from services.relay.delivery.backoff import RetryPolicy
from services.relay.delivery.conclusions import Conclusions, Observe, unobserved
from services.relay.service import Relay
from services.relay.settings import RelaySettings
from services.relay.targets.circuit import ProbePolicy
from services.relay.targets.circuits import Circuits
from services.relay.targets.facts import LearntFacts
from services.relay.targets.lane import Lanes
from services.relay.targets.reach import reach_and_leave
from shared.model.ids import message_id
from shared.ops.appetite import appetite_for
from shared.ops.config import Configuration
from shared.ops.surroundings import Surroundings

LANES = 2
"""A target may take one part in so many of what is held, so that it leaves to the others what they need."""


def build_relay(
    configuration: Configuration, around: Surroundings, *, name: str, observe: Observe = unobserved
) -> Relay:
    """A relay called `name` in the journal; `observe` is told of outcomes."""
    section, lease = configuration.relay, configuration.leases.message
    settings = RelaySettings(name, lease, appetite_for(configuration.broker), around.topology)
    facts = LearntFacts(around.store, around.clock)
    lanes = Lanes(
        configuration.targets,
        helo_name=section.helo_name,
        capacity=settings.appetite.prefetch // LANES,
        clock=around.clock,
        patience=lease / 2,
        learn=facts.learn_protection,
    )
    circuits = Circuits(
        configuration.targets,
        lanes,
        partial(reach_and_leave, helo_name=section.helo_name),
        around.store,
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
        around.store,
        around.blobs,
        circuits,
        around.clock,
        section.helo_name,
        lambda: message_id(around.clock.now(), around.entropy),
    )
    return Relay(
        around.broker,
        around.store,
        lanes,
        circuits,
        attempter,
        Conclusions(
            around.store,
            around.broker,
            around.blobs,
            around.clock,
            around.metrics,
            settings,
            observe,
        ),
        [
            Overdue(around.store, around.broker, around.clock, lease).run,
            Sweep(around.blobs, around.store, around.clock).run,
            notifier.run,
            facts.run,
        ],
        settings,
    )
