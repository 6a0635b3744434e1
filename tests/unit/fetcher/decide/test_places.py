"""Who may begin a visit, and who gives up its place to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.places import (
    CONNECTED_WITHIN,
    PATIENCE,
    SILENT_AFTER,
    SLOW_AFTER,
    Active,
    Places,
    VisitState,
    free,
    state_of,
    tenant_room,
    to_end,
)

STATES = st.sampled_from(VisitState)
IDLE = st.floats(0, 7200)


@st.composite
def visits(draw: st.DrawFn) -> Sequence[Active]:
    some = draw(st.lists(st.tuples(st.sampled_from("abc"), STATES, IDLE), max_size=40))
    return [Active(f"{tenant}/{n}", tenant, state, idle) for n, (tenant, state, idle) in enumerate(some)]


PLACES = st.builds(Places, st.integers(1, 30), st.integers(1, 40), st.booleans())


def stalled(tenant: str, count: int, idle: float = 60.0, state: VisitState = VisitState.SLOW) -> list[Active]:
    return [Active(f"{tenant}/{number}", tenant, state, idle + number) for number in range(count)]


@given(visits(), PLACES)
def test_no_more_begin_than_there_are_places_of_either_kind(active: Sequence[Active], places: Places) -> None:
    begun = free(active, places)
    busy = sum(not each.is_stalled for each in active)
    assert begun >= 0
    assert begun == 0 or (busy + begun <= places.working and len(active) + begun <= places.total)


@given(visits(), PLACES)
def test_stalled_visits_take_no_working_place(active: Sequence[Active], places: Places) -> None:
    busy = [each for each in active if not each.is_stalled]
    if len(active) < places.total:
        assert free(active, places) == min(free(busy, places), places.total - len(active))


@given(visits(), PLACES)
def test_no_tenant_gets_the_last_place_where_there_are_several(
    active: Sequence[Active], places: Places
) -> None:
    room = tenant_room(active, places)
    assert (room is None) == (not places.shared)
    if room is None or places.working == 1:
        return
    held = Counter(each.tenant for each in active)
    busy = Counter(each.tenant for each in active if not each.is_stalled)
    for tenant in "abcd":
        if (begun := room.of(tenant)) > 0:
            assert busy[tenant] + begun < places.working
            assert held[tenant] + begun < places.total


@given(visits(), PLACES)
def test_only_those_without_progress_end_and_only_where_places_are_taken(
    active: Sequence[Active], places: Places
) -> None:
    by_account = {each.account: each for each in active}
    held = Counter(each.tenant for each in active)
    ended = [by_account[account] for account in to_end(active, places)]
    assert len({each.account for each in ended}) == len(ended)
    for each in ended:
        assert each.is_stalled
        assert each.idle >= PATIENCE
        assert len(active) >= places.total or held[each.tenant] >= places.of_one_tenant(places.total)


@given(visits(), PLACES)
def test_where_all_places_are_taken_by_visits_without_progress_some_end(
    active: Sequence[Active], places: Places
) -> None:
    patient_enough = [each for each in active if each.is_stalled and each.idle >= PATIENCE]
    assert bool(to_end(active, places)) >= bool(len(active) >= places.total and patient_enough)


@given(visits(), PLACES)
def test_no_visit_ends_before_a_worse_one_of_its_tenant(active: Sequence[Active], places: Places) -> None:
    ended = set(to_end(active, places))
    for each in active:
        for other in active:
            if each.tenant == other.tenant and each.account in ended and other.account not in ended:
                assert not other.is_stalled or other.idle <= each.idle


def test_sixty_dripping_mailboxes_of_one_tenant_leave_places_for_another() -> None:
    places = Places(10, 32, shared=True)
    drips = stalled("a", places.of_one_tenant(places.total))
    room = tenant_room(drips, places)
    assert room is not None
    assert (room.of("a"), room.of("b")) == (0, 8)
    assert free(drips, places) >= 8
    assert to_end(drips, places)


def test_the_tenant_with_most_visits_gives_first_and_the_longest_without_progress() -> None:
    active = [*stalled("a", 8), *stalled("b", 4, idle=1000.0)]
    assert to_end(active, Places(4, 8)) == ["a/7", "a/6", "a/5"]


@pytest.mark.parametrize(
    ("logged_in", "silent_for", "idle", "state"),
    [
        (False, 0.0, 0.0, VisitState.CONNECTING),
        (False, 100.0, 100.0, VisitState.CONNECTING),
        (True, 0.0, SLOW_AFTER, VisitState.WORKING),
        (True, 2.0, SLOW_AFTER + 1, VisitState.SLOW),
        (True, SILENT_AFTER + 1, SILENT_AFTER + 1, VisitState.SILENT),
    ],
)
def test_a_visit_is_what_its_server_does(
    logged_in: bool, silent_for: float, idle: float, state: VisitState
) -> None:
    assert state_of(logged_in=logged_in, silent_for=silent_for, idle=idle) is state


def test_a_visit_that_has_just_begun_takes_a_working_place_until_it_takes_too_long() -> None:
    young = Active("a/1", "a", VisitState.CONNECTING, CONNECTED_WITHIN)
    assert not young.is_stalled
    assert young._replace(idle=CONNECTED_WITHIN + 1).is_stalled
