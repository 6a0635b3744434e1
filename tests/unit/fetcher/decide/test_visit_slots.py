"""How many visits may begin, and which end for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.visit_slots import (
    LOGIN_WITHIN,
    SILENT_AFTER,
    SLOW_AFTER,
    STALL_LIMIT,
    ActiveVisit,
    VisitSlots,
    VisitState,
    free_slots,
    free_slots_by_tenant,
    state_of,
    visits_to_end,
)

STATES = st.sampled_from(VisitState)
IDLE = st.floats(0, 7200)


@st.composite
def visits(draw: st.DrawFn) -> Sequence[ActiveVisit]:
    some = draw(st.lists(st.tuples(st.sampled_from("abc"), STATES, IDLE), max_size=40))
    return [ActiveVisit(f"{tenant}/{n}", tenant, state, idle) for n, (tenant, state, idle) in enumerate(some)]


SLOTS = st.builds(VisitSlots, st.integers(1, 30), st.integers(1, 40), st.booleans())


def stalled(
    tenant: str, count: int, idle: float = 60.0, state: VisitState = VisitState.SLOW
) -> list[ActiveVisit]:
    return [ActiveVisit(f"{tenant}/{number}", tenant, state, idle + number) for number in range(count)]


@given(visits(), SLOTS)
def test_no_more_begin_than_there_are_slots_of_either_kind(
    active: Sequence[ActiveVisit], slots: VisitSlots
) -> None:
    begun = free_slots(active, slots)
    busy = sum(not each.is_stalled for each in active)
    assert begun >= 0
    assert begun == 0 or (busy + begun <= slots.working and len(active) + begun <= slots.total)


@given(visits(), SLOTS)
def test_stalled_visits_take_no_working_slot(active: Sequence[ActiveVisit], slots: VisitSlots) -> None:
    busy = [each for each in active if not each.is_stalled]
    if len(active) < slots.total:
        assert free_slots(active, slots) == min(free_slots(busy, slots), slots.total - len(active))


@given(visits(), SLOTS)
def test_no_tenant_gets_the_last_slot_where_there_are_several(
    active: Sequence[ActiveVisit], slots: VisitSlots
) -> None:
    room = free_slots_by_tenant(active, slots)
    assert (room is None) == (not slots.several_tenants)
    if room is None or slots.working == 1:
        return
    held = Counter(each.tenant for each in active)
    busy = Counter(each.tenant for each in active if not each.is_stalled)
    for tenant in "abcd":
        if (begun := room.of(tenant)) > 0:
            assert busy[tenant] + begun < slots.working
            assert held[tenant] + begun < slots.total


@given(visits(), SLOTS)
def test_only_those_without_progress_end_and_only_where_slots_are_taken(
    active: Sequence[ActiveVisit], slots: VisitSlots
) -> None:
    by_account = {each.account: each for each in active}
    held = Counter(each.tenant for each in active)
    ended = [by_account[account] for account in visits_to_end(active, slots)]
    assert len({each.account for each in ended}) == len(ended)
    for each in ended:
        assert each.is_stalled
        assert each.idle >= STALL_LIMIT
        assert len(active) >= slots.total or held[each.tenant] >= slots.most_for_a_tenant(slots.total)


@given(visits(), SLOTS)
def test_where_all_slots_are_taken_by_visits_without_progress_some_end(
    active: Sequence[ActiveVisit], slots: VisitSlots
) -> None:
    patient_enough = [each for each in active if each.is_stalled and each.idle >= STALL_LIMIT]
    assert bool(visits_to_end(active, slots)) >= bool(len(active) >= slots.total and patient_enough)


@given(visits(), SLOTS)
def test_no_visit_ends_before_a_worse_one_of_its_tenant(
    active: Sequence[ActiveVisit], slots: VisitSlots
) -> None:
    ended = set(visits_to_end(active, slots))
    for each in active:
        for other in active:
            if each.tenant == other.tenant and each.account in ended and other.account not in ended:
                assert not other.is_stalled or other.idle <= each.idle


def test_sixty_dripping_mailboxes_most_for_a_tenant_leave_slots_for_another() -> None:
    slots = VisitSlots(10, 32, several_tenants=True)
    drips = stalled("a", slots.most_for_a_tenant(slots.total))
    room = free_slots_by_tenant(drips, slots)
    assert room is not None
    assert (room.of("a"), room.of("b")) == (0, 8)
    assert free_slots(drips, slots) >= 8
    assert visits_to_end(drips, slots)


def test_the_tenant_with_most_visits_gives_first_and_the_longest_without_progress() -> None:
    active = [*stalled("a", 8), *stalled("b", 4, idle=1000.0)]
    assert visits_to_end(active, VisitSlots(4, 8)) == ["a/7", "a/6", "a/5"]


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


def test_a_visit_that_has_just_begun_takes_a_working_slot_until_it_takes_too_long() -> None:
    young = ActiveVisit("a/1", "a", VisitState.CONNECTING, LOGIN_WITHIN)
    assert not young.is_stalled
    assert young._replace(idle=LOGIN_WITHIN + 1).is_stalled
