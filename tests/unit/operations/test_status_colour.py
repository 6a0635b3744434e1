"""Colours and their sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.account_condition import OVERDUE, Colour
from shared.operations.status_colour import account_status, pause_of, target_status
from shared.ports.store import AccountState, FactKind, Outage, Pause, TargetFact, TargetState

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
    return account_status(state, enabled=enabled, parked=parked, now=NOW).colour


def test_an_account_that_nobody_has_visited_is_white() -> None:
    assert colour(None) is Colour.WHITE
    assert colour(replace(WELL, visited_at=None, succeeded_at=None)) is Colour.WHITE


def test_an_account_that_is_white_says_whether_it_is_being_visited_or_waits_for_its_turn() -> None:
    new = replace(WELL, visited_at=None, succeeded_at=None, due_at=NOW - 60)
    visited = replace(new, leased_by="fetcher-1", lease_until=NOW + 60)
    said = [account_status(each, enabled=True, parked=0, now=NOW).sentence for each in (new, visited)]
    assert said == [
        "never visited; it is due, and waits until a fetcher has a free place",
        "never visited; its first visit is under way",
    ]
    fresh = account_status(replace(new, due_at=NOW - 1), enabled=True, parked=0, now=NOW)
    assert fresh.sentence == "never visited"


def test_an_account_whose_last_visit_went_well_is_green_also_with_mail_on_its_way() -> None:
    assert colour(WELL) is Colour.GREEN
    assert colour(replace(WELL, waiting=12)) is Colour.GREEN


def test_a_disabled_account_is_yellow_whatever_happened_before() -> None:
    assert colour(replace(WELL, failures=3, problem="refused"), enabled=False) is Colour.YELLOW
    assert colour(None, enabled=False) is Colour.YELLOW


def test_an_account_whose_visit_failed_is_red_and_says_why_and_how_often() -> None:
    status = account_status(
        replace(WELL, failures=2, problem="Login refused."), enabled=True, parked=0, now=NOW
    )
    assert (status.colour, status.sentence) == (Colour.RED, "Login refused. (2 times in a row)")


def test_a_complete_visit_with_a_problem_is_yellow_with_the_problem() -> None:
    status = account_status(
        replace(WELL, problem="mail 7 is not handed out"), enabled=True, parked=0, now=NOW
    )
    assert (status.colour, status.sentence) == (Colour.YELLOW, "mail 7 is not handed out")


def test_parked_mail_makes_an_account_yellow() -> None:
    status = account_status(WELL, enabled=True, parked=1, now=NOW)
    assert (status.colour, status.sentence) == (Colour.YELLOW, "1 recipient parked")


@pytest.mark.parametrize(
    ("late", "lease_until", "expected"),
    [
        (OVERDUE, None, Colour.GREEN),
        (OVERDUE + 1, None, Colour.YELLOW),
        (OVERDUE + 1, NOW + 1, Colour.GREEN),
        (OVERDUE + 1, NOW, Colour.YELLOW),
    ],
)
def test_an_account_long_overdue_that_nobody_visits_is_yellow(
    late: float, lease_until: float | None, expected: Colour
) -> None:
    """Who was killed in a visit holds its lease no longer than that lasts."""
    visited_by = None if lease_until is None else "ferry-1"
    late_one = replace(WELL, due_at=NOW - late, leased_by=visited_by, lease_until=lease_until)
    assert colour(late_one) is expected


def test_a_target_that_never_took_a_mail_is_white_and_one_that_did_is_green() -> None:
    assert target_status(TARGET).colour is Colour.WHITE
    assert target_status(replace(TARGET, delivered=True)).colour is Colour.GREEN


def test_a_target_that_does_not_answer_for_any_waiting_recipient_is_red() -> None:
    state = replace(TARGET, delivered=True, waiting=2, unanswered=2, text="Connection refused.")
    status = target_status(state)
    assert status.colour is Colour.RED
    assert status.sentence == "2 recipients to be tried again: Connection refused."


def test_a_target_that_answers_some_is_yellow() -> None:
    assert target_status(replace(TARGET, waiting=2, unanswered=1)).colour is Colour.YELLOW
    assert target_status(replace(TARGET, delivered=True, parked=1)).colour is Colour.YELLOW


def test_a_target_out_of_reach_is_red_and_says_since_when_and_why() -> None:
    outage = Outage("exchange", 0.0, 60.0, "Connection refused.")
    status = target_status(replace(TARGET, delivered=True, waiting=3, unanswered=1, outage=outage))
    assert status.colour is Colour.RED
    assert status.sentence == (
        "out of reach since 1970-01-01 00:00: Connection refused; 3 recipients to be tried again"
    )


def test_what_is_on_hold_is_yellow_whatever_happened_before_and_says_what_holds_it() -> None:
    failing = replace(WELL, failures=3, problem="refused")
    status = account_status(failing, enabled=True, parked=0, now=NOW, pause=Pause("acme/", 0.0))
    assert (status.colour, status.sentence) == (
        Colour.YELLOW,
        "paused since 1970-01-01 00:00, with the tenant acme",
    )
    status = account_status(None, enabled=True, parked=0, now=NOW, pause=Pause("*", 0.0))
    assert status.sentence == "paused since 1970-01-01 00:00, with everything"


def test_the_widest_pause_is_the_one_that_is_told() -> None:
    pauses = [Pause("acme/inbox", 3.0), Pause("acme/", 2.0), Pause("other/", 1.0)]
    assert pause_of("acme/inbox", pauses) == pauses[1]
    assert pause_of("acme/inbox", [*pauses, Pause("*", 4.0)]) == Pause("*", 4.0)
    assert pause_of("acme2/inbox", pauses) is None


def test_all_that_an_account_lacks_is_told() -> None:
    status = account_status(replace(WELL, problem="mail 7 is refused"), enabled=True, parked=2, now=NOW)
    assert status.sentence == "mail 7 is refused; 2 recipients parked"


SENTENCES = st.none() | st.text(st.characters(categories=["L"]), min_size=1)
STATES = st.builds(
    AccountState,
    account=st.just("acme/inbox"),
    enabled=st.booleans(),
    due_at=st.floats(NOW - 1000, NOW + 1000),
    leased_by=st.none() | st.just("fetcher"),
    lease_until=st.none(),
    failures=st.integers(0, 5),
    problem=SENTENCES,
    visited_at=st.none() | st.floats(0, NOW),
    succeeded_at=st.none() | st.floats(0, NOW),
    waiting=st.integers(0, 5),
)
PAUSES = st.none() | st.builds(Pause, st.sampled_from(["*", "acme/", "acme/inbox"]), st.floats(0, NOW))


@given(st.none() | STATES, st.booleans(), st.integers(0, 3), PAUSES)
def test_the_colours_of_accounts_mean_what_they_say(
    state: AccountState | None, enabled: bool, parked: int, pause: Pause | None
) -> None:
    status = account_status(state, enabled=enabled, parked=parked, now=NOW, pause=pause)
    held = not enabled or pause is not None
    failing = state is not None and state.failures > 0
    visited = state is not None and state.visited_at is not None
    assert status.sentence
    assert (status.colour is Colour.RED) == (failing and not held)
    assert (status.colour is Colour.WHITE) == (not visited and not failing and not held)
    if status.colour is Colour.GREEN:
        assert state is not None
        assert (state.problem, parked) == (None, 0)
    if status.colour is Colour.RED:
        assert state is not None
        assert (state.problem or "failed") in status.sentence


@given(
    st.builds(
        TargetState,
        st.just("exchange"),
        delivered=st.booleans(),
        waiting=st.integers(0, 5),
        unanswered=st.integers(0, 5),
        parked=st.integers(0, 5),
        text=st.text(st.characters(categories=["L"])),
        outage=st.none() | st.just(Outage("exchange", 0.0, 60.0, "Connection refused.")),
    )
)
def test_the_colours_of_targets_mean_what_they_say(state: TargetState) -> None:
    status = target_status(state)
    assert status.sentence
    dead = state.outage is not None or 0 < state.waiting <= state.unanswered
    well = not state.waiting and not state.parked and state.outage is None
    assert (status.colour is Colour.RED) == dead
    assert (status.colour in {Colour.GREEN, Colour.WHITE}) == well
    assert (status.colour is Colour.GREEN) <= state.delivered
    told = state.outage.reason if state.outage else state.text if state.waiting else ""
    assert told.removesuffix(".") in status.sentence


NOTED = TargetFact("exchange", FactKind.UNVERIFIED, "It is not verified.", 1.0, 2.0)


def test_a_target_that_nobody_verified_is_yellow_and_says_so() -> None:
    status = target_status(replace(TARGET, delivered=True, facts=(NOTED,)))
    assert (status.colour, status.sentence) == (Colour.YELLOW, "It is not verified")


@pytest.mark.parametrize(("is_here", "expected"), [(False, Colour.YELLOW), (True, Colour.GREEN)])
def test_connections_in_clear_are_told_of_and_yellow_where_a_network_is_between(
    is_here: bool, expected: Colour
) -> None:
    fact = NOTED._replace(kind=FactKind.CLEAR, value="It is not encrypted.")
    status = target_status(replace(TARGET, delivered=True, facts=(fact,)), is_here=is_here)
    assert status.colour is expected
    assert status.sentence.removeprefix("ok; ") == "It is not encrypted"


def test_a_target_that_is_out_of_reach_stays_red_whatever_else_is_known() -> None:
    status = target_status(replace(TARGET, outage=Outage("exchange", 0.0, 9.0, "no route"), facts=(NOTED,)))
    assert status.colour is Colour.RED
    assert status.sentence.endswith("no route; It is not verified")


def test_how_many_recipients_a_target_takes_is_told_and_is_no_fault() -> None:
    fact = NOTED._replace(kind=FactKind.RECIPIENTS, value="10")
    status = target_status(replace(TARGET, delivered=True, facts=(fact,)))
    assert (status.colour, status.sentence) == (Colour.GREEN, "ok; takes at most 10 recipients at a time")


def test_sentences_are_joined_without_a_full_stop_in_between() -> None:
    state = replace(WELL, problem="One mail was refused.", due_at=NOW - 2 * OVERDUE)
    sentence = account_status(state, enabled=True, parked=1, now=NOW, lost=1).sentence
    assert sentence.startswith("One mail was refused; overdue for a visit")
    assert ".;" not in sentence
