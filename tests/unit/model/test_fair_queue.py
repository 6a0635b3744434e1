from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.fair_queue import FairQueue


def taken(turns: FairQueue[str]) -> str:
    return "".join(turns.popleft() for _ in range(len(turns)))


def filled(**flows: str) -> FairQueue[str]:
    turns: FairQueue[str] = FairQueue()
    for flow, things in flows.items():
        for thing in things:
            turns.append(flow, thing)
    return turns


def test_flows_are_served_in_turn() -> None:
    assert taken(filled(large="abcdef", small="1", middle="xy")) == "a1xbycdef"


def test_one_flow_is_an_ordinary_queue() -> None:
    assert taken(filled(only="abc")) == "abc"


def test_a_flow_that_comes_late_waits_for_one_thing_of_each_other() -> None:
    turns = filled(large="abcdef")
    assert turns.popleft() == "a"
    turns.append("small", "1")
    assert taken(turns) == "b1cdef"


def test_what_is_given_back_comes_next_and_in_its_old_order() -> None:
    turns = filled(large="abc", small="1")
    first, second = turns.popleft(), turns.popleft()
    turns.appendleft("small", second)
    turns.appendleft("large", first)
    assert taken(turns) == "a1bc"


def test_one_that_does_not_wait_any_more_is_not_served() -> None:
    turns = filled(a="xyz", b="1")
    turns.remove("a", "y")
    turns.remove("b", "1")
    turns.remove("b", "1")
    turns.remove("a", "1")
    assert list(turns.heads()) == ["x"]
    assert taken(turns) == "xz"
    with pytest.raises(IndexError):
        turns.popleft()


THINGS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30)


@given(THINGS)
def test_nothing_is_lost_and_the_order_within_a_flow_is_kept(steps: list[tuple[str, bool]]) -> None:
    turns: FairQueue[tuple[str, int]] = FairQueue()
    served: list[tuple[str, int]] = []
    for number, (flow, serve) in enumerate(steps):
        turns.append(flow, (flow, number))
        if serve:
            served.append(turns.popleft())
    served += [turns.popleft() for _ in range(len(turns))]
    assert sorted(served, key=lambda each: each[1]) == [
        (flow, number) for number, (flow, _) in enumerate(steps)
    ]
    for flow in "abc":
        numbers = [number for name, number in served if name == flow]
        assert numbers == sorted(numbers)


@given(flows=st.dictionaries(st.sampled_from("abc"), st.text("xyz", max_size=9)), most=st.integers(0, 12))
def test_many_at_once_are_those_that_would_have_come_one_by_one(flows: dict[str, str], most: int) -> None:
    at_once, one_by_one = filled(**flows), filled(**flows)
    took = at_once.take(most)
    assert took == [one_by_one.popleft() for _ in range(min(most, len(one_by_one)))]
    assert taken(at_once) == taken(one_by_one)
