"""A retry is not made before it is due, whatever is lost in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.simulation.checks import TooEarly, check_end, check_retry_times
from tests.fakes.simulation.mails import make_mail
from tests.fakes.simulation.simulation import ACCOUNT_LEASE, MESSAGE_LEASE, MOVER, SPOOLER, Simulation
from tests.fakes.simulation.target import Answer

BOB = "bob@corp.example"
DELAY = 60.0
WITHOUT_RULE = {
    "shared.custody.decide.delivery._is_due": lambda recipient, now: True,
    "shared.custody.decide.routing._due_at": lambda recipient, now, longest: None,
}


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    simulation = Simulation()
    yield simulation
    simulation.close()


def deferred_and_read_again(simulation: Simulation, account: str) -> None:
    """A mail is deferred, everything but the database is lost, and the mail is read again at once."""
    simulation.target.answers[BOB] = Answer.DEFERS
    simulation.arrive(account, make_mail("a", "a", "bob"))
    simulation.visit("fetcher-1", account)
    simulation.run_all()
    simulation.target.answers[BOB] = Answer.ACCEPTS
    simulation.wipe_broker()
    for name in list(simulation.processes):
        simulation.kill(name)
    simulation.loop.run(simulation.store.lose_all("the broker was wiped", simulation.clock.now()))
    simulation.loop.run(simulation.store.end_leases())
    simulation.visit("fetcher-1", account)
    simulation.run_all()


def retrievals(simulation: Simulation) -> int:
    return sum("retrieve" in line for line in simulation.history)


@pytest.mark.parametrize("account", [MOVER, SPOOLER])
def test_a_mail_that_is_read_again_is_tried_when_its_retry_is_due_and_not_before(
    simulation: Simulation, account: str
) -> None:
    deferred_and_read_again(simulation, account)
    assert not simulation.target.accepted
    simulation.pass_time(DELAY - 1)
    simulation.run_all()
    assert not simulation.target.accepted
    simulation.pass_time(3)
    simulation.run_all()
    assert simulation.target.accepted["a", BOB] == 1
    check_end(simulation)


def test_a_mail_that_waits_for_its_retry_is_not_read_once_more(simulation: Simulation) -> None:
    deferred_and_read_again(simulation, MOVER)
    read = retrievals(simulation)
    simulation.pass_time(DELAY - 1)
    simulation.visit("fetcher-2", MOVER)
    simulation.run_all()
    assert retrievals(simulation) == read == 2


@pytest.mark.parametrize(("rule", "instead"), WITHOUT_RULE.items())
def test_without_the_rule_the_retry_is_too_early(
    simulation: Simulation, monkeypatch: pytest.MonkeyPatch, rule: str, instead: Any
) -> None:
    monkeypatch.setattr(rule, instead)
    deferred_and_read_again(simulation, MOVER)
    with pytest.raises(TooEarly):
        check_retry_times(simulation)


def test_a_mail_whose_lease_ran_out_while_it_was_postponed_is_delivered_once(simulation: Simulation) -> None:
    deferred_and_read_again(simulation, MOVER)
    simulation.wipe_broker()
    simulation.pass_time(DELAY + MESSAGE_LEASE + ACCOUNT_LEASE)
    simulation.visit("fetcher-2", MOVER)
    simulation.run_all()
    assert simulation.target.accepted["a", BOB] == 1
    check_end(simulation)
