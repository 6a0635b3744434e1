from __future__ import annotations

from dataclasses import replace

import pytest

from services.cli.light import OVERDUE, Colour, account_light, target_light
from shared.ports.store import AccountState, TargetState

NOW = 1_000_000.0
WELL = AccountState(
    account="acme/inbox",
    enabled=True,
    due_at=NOW + 60,
    leased_by=None,
    lease_until=None,
    failures=0,
    problem=None,
    visited_at=NOW - 1,
    succeeded_at=NOW - 1,
    waiting=0,
)
TARGET = TargetState("exchange")


def colour(state: AccountState | None, *, enabled: bool = True, parked: int = 0) -> Colour:
    return account_light(state, enabled=enabled, parked=parked, now=NOW).colour


def test_an_account_that_nobody_has_visited_is_white() -> None:
    assert colour(None) is Colour.WHITE
    assert colour(replace(WELL, visited_at=None, succeeded_at=None)) is Colour.WHITE


def test_an_account_whose_last_visit_went_well_is_green_also_with_mail_on_its_way() -> None:
    assert colour(WELL) is Colour.GREEN
    assert colour(replace(WELL, waiting=12)) is Colour.GREEN


def test_a_disabled_account_is_yellow_whatever_happened_before() -> None:
    assert colour(replace(WELL, failures=3, problem="refused"), enabled=False) is Colour.YELLOW
    assert colour(None, enabled=False) is Colour.YELLOW


def test_an_account_whose_visit_failed_is_red_and_says_why_and_how_often() -> None:
    light = account_light(
        replace(WELL, failures=2, problem="Login refused."), enabled=True, parked=0, now=NOW
    )
    assert (light.colour, light.sentence) == (Colour.RED, "Login refused. (2 times in a row)")


def test_a_complete_visit_with_a_problem_is_yellow_with_the_problem() -> None:
    light = account_light(replace(WELL, problem="mail 7 is not handed out"), enabled=True, parked=0, now=NOW)
    assert (light.colour, light.sentence) == (Colour.YELLOW, "mail 7 is not handed out")


def test_parked_mail_makes_an_account_yellow() -> None:
    light = account_light(WELL, enabled=True, parked=1, now=NOW)
    assert (light.colour, light.sentence) == (Colour.YELLOW, "1 recipient parked")


@pytest.mark.parametrize(
    ("late", "visited_by", "expected"),
    [
        (OVERDUE, None, Colour.GREEN),
        (OVERDUE + 1, None, Colour.YELLOW),
        (OVERDUE + 1, "ferry-1", Colour.GREEN),
    ],
)
def test_an_account_long_overdue_that_nobody_visits_is_yellow(
    late: float, visited_by: str | None, expected: Colour
) -> None:
    assert colour(replace(WELL, due_at=NOW - late, leased_by=visited_by)) is expected


def test_a_target_that_never_took_a_mail_is_white_and_one_that_did_is_green() -> None:
    assert target_light(TARGET).colour is Colour.WHITE
    assert target_light(replace(TARGET, delivered=True)).colour is Colour.GREEN


def test_a_target_that_does_not_answer_for_any_waiting_recipient_is_red() -> None:
    state = replace(TARGET, delivered=True, waiting=2, unanswered=2, text="Connection refused.")
    light = target_light(state)
    assert light.colour is Colour.RED
    assert light.sentence == "2 recipients to be tried again: Connection refused."


def test_a_target_that_answers_some_is_yellow() -> None:
    assert target_light(replace(TARGET, waiting=2, unanswered=1)).colour is Colour.YELLOW
    assert target_light(replace(TARGET, delivered=True, parked=1)).colour is Colour.YELLOW
