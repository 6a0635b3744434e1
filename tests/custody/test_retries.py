"""A retry keeps its time, whatever is lost in between: the target is not asked earlier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.world.finale import TooEarly, all_ends, punctual
from tests.fakes.world.letters import letter
from tests.fakes.world.target import Mood
from tests.fakes.world.world import ACCOUNT_LEASE, MESSAGE_LEASE, MOVER, SPOOLER, World

BOB = "bob@corp.example"
DELAY = 60.0
NOT_HEEDED = {
    "shared.custody.decide.delivery._is_due": lambda recipient, now: True,
    "shared.custody.decide.routing._due_at": lambda recipient, now, longest: None,
}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def deferred_and_read_again(world: World, account: str) -> None:
    """A mail is deferred, everything but the database is lost, and the mail is read again at once."""
    world.target.moods[BOB] = Mood.LATER
    world.arrive(account, letter("a", "a", "bob"))
    world.visit("fetcher-1", account)
    world.run_all()
    world.target.moods[BOB] = Mood.TAKES
    world.wipe_broker()
    for name in list(world.processes):
        world.kill(name)
    world.loop.complete(world.archive.maintenance.lose_all("the broker was wiped", world.clock.now()))
    world.loop.complete(world.archive.maintenance.end_leases())
    world.visit("fetcher-1", account)
    world.run_all()


def readings(world: World) -> int:
    return sum("retrieve" in line for line in world.history)


@pytest.mark.parametrize("account", [MOVER, SPOOLER])
def test_a_mail_that_is_read_again_is_tried_when_its_retry_is_due_and_not_before(
    world: World, account: str
) -> None:
    deferred_and_read_again(world, account)
    assert not world.target.taken
    world.pass_time(DELAY - 1)
    world.run_all()
    assert not world.target.taken
    world.pass_time(3)
    world.run_all()
    assert world.target.taken["a", BOB] == 1
    all_ends(world)


def test_a_mail_that_waits_for_its_retry_is_not_read_once_more(world: World) -> None:
    deferred_and_read_again(world, MOVER)
    read = readings(world)
    world.pass_time(DELAY - 1)
    world.visit("fetcher-2", MOVER)
    world.run_all()
    assert readings(world) == read == 2


@pytest.mark.parametrize(("rule", "instead"), NOT_HEEDED.items())
def test_without_the_rule_the_target_is_asked_before_its_time(
    world: World, monkeypatch: pytest.MonkeyPatch, rule: str, instead: Any
) -> None:
    monkeypatch.setattr(rule, instead)
    deferred_and_read_again(world, MOVER)
    with pytest.raises(TooEarly):
        punctual(world)


def test_a_mail_whose_lease_ran_out_while_it_was_put_off_is_served_once(world: World) -> None:
    deferred_and_read_again(world, MOVER)
    world.wipe_broker()
    world.pass_time(DELAY + MESSAGE_LEASE + ACCOUNT_LEASE)
    world.visit("fetcher-2", MOVER)
    world.run_all()
    assert world.target.taken["a", BOB] == 1
    all_ends(world)
