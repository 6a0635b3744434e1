"""How many accounts are in which state."""

from __future__ import annotations

import pytest

from services.fetcher.decide.account_condition import (
    AccountCondition,
    oldest_failure,
    overview,
    state_of,
    strangers_sentence,
)
from shared.operations.status_colour import OVERDUE, Colour, account_status
from shared.ports.store import AccountState, AccountSummary, CustodySummary, Pause

NOW = 1_000_000.0
WELL = AccountSummary("acme/bob", True, False, False, False, None, NOW + 60, NOW - 1, NOW - 1)
STANDINGS = {
    AccountCondition.WORKING: WELL,
    AccountCondition.DEGRADED: WELL._replace(has_problem=True),
    AccountCondition.FAILING: WELL._replace(failing=True, has_problem=True, due_at=NOW - 2 * OVERDUE),
    AccountCondition.OVERDUE: WELL._replace(due_at=NOW - OVERDUE - 1, visited_at=None),
    AccountCondition.NEW: WELL._replace(visited_at=None, succeeded_at=None),
    AccountCondition.PAUSED: WELL._replace(paused=True, failing=True),
    AccountCondition.DISABLED: WELL._replace(enabled=False, paused=True, failing=True),
}
COLOURS = {
    AccountCondition.WORKING: {Colour.GREEN},
    AccountCondition.FAILING: {Colour.RED},
    AccountCondition.NEW: {Colour.WHITE},
    AccountCondition.OVERDUE: {Colour.WHITE, Colour.YELLOW},
}


@pytest.mark.parametrize(("state", "standing"), STANDINGS.items())
def test_every_account_is_in_one_state(state: AccountCondition, standing: AccountSummary) -> None:
    assert state_of(standing, NOW) is state


@pytest.mark.parametrize(("state", "standing"), STANDINGS.items())
def test_the_states_are_those_that_the_status_shows(
    state: AccountCondition, standing: AccountSummary
) -> None:
    known = AccountState(
        account=standing.account,
        enabled=standing.enabled,
        due_at=standing.due_at,
        leased_by=None,
        lease_until=None,
        failures=int(standing.failing),
        problem="a problem" if standing.has_problem else None,
        visited_at=standing.visited_at,
        succeeded_at=standing.succeeded_at,
        waiting=0,
    )
    pause = Pause(standing.account, NOW) if standing.paused else None
    light = account_status(known, enabled=standing.enabled, parked=0, now=NOW, pause=pause)
    assert light.colour in COLOURS.get(state, {Colour.YELLOW})


def test_an_account_that_is_being_visited_is_not_overdue() -> None:
    assert (
        state_of(STANDINGS[AccountCondition.OVERDUE]._replace(lease_until=NOW + 1), NOW)
        is AccountCondition.NEW
    )


def test_an_account_whose_fetcher_was_killed_in_a_visit_is_overdue_once_its_lease_is_over() -> None:
    assert (
        state_of(STANDINGS[AccountCondition.OVERDUE]._replace(lease_until=NOW), NOW)
        is AccountCondition.OVERDUE
    )


def test_failing_accounts_are_counted_by_tenant_and_unnamed_ones_not_at_all() -> None:
    failing = STANDINGS[AccountCondition.FAILING]
    names = ("acme/bob", "acme/eve", "zeta/ann", "zeta/old")
    standings = [failing._replace(account=each, registered=each != names[3]) for each in names]
    found = overview(standings, NOW)
    assert found.states == {AccountCondition.FAILING: 3}
    assert found.failing == {"acme": 2, "zeta": 1}
    assert found.strangers == ["zeta/old"]


def test_a_failure_counts_from_the_last_success_or_from_when_it_was_first_seen() -> None:
    seen = {"a": NOW - 50, "b": NOW - 50}
    assert oldest_failure({}, {}, NOW) == 0
    assert oldest_failure({"a": None}, seen, NOW) == 50
    assert oldest_failure({"a": None, "b": NOW - 3600}, seen, NOW) == 3600
    assert oldest_failure({"b": NOW + 10}, seen, NOW) == 0


def test_what_is_held_for_unnamed_accounts_is_one_sentence() -> None:
    assert strangers_sentence({}) is None
    assert strangers_sentence({"acme/old": CustodySummary(1, 0)}) == (
        "1 mail of 1 account that is not in the registry: acme/old; see `mailferry status`"
    )
    many = {f"acme/{number}": CustodySummary(2, 1) for number in range(6)}
    assert strangers_sentence(many) == (
        "18 mails (6 held here alone) of 6 accounts that are not in the registry: "
        "acme/0, acme/1, acme/2, acme/3, acme/4, …; see `mailferry status`"
    )
