from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.fair_queue import FairQueue


def taken(queue: FairQueue[str]) -> str:
    return "".join(queue.popleft() for _ in range(len(queue)))


def filled(**flows: str) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue()
    for flow, items in flows.items():
        for item in items:
            queue.append(flow, item)
    return queue


def test_flows_are_served_in_turn() -> None:
    assert taken(filled(large="abcdef", small="1", middle="xy")) == "a1xbycdef"


def test_one_flow_is_an_ordinary_queue() -> None:
    assert taken(filled(only="abc")) == "abc"


def test_a_flow_that_comes_late_waits_for_one_thing_of_each_other() -> None:
    queue = filled(large="abcdef")
    assert queue.popleft() == "a"
    queue.append("small", "1")
    assert taken(queue) == "b1cdef"


def test_what_is_given_back_comes_next_and_in_its_old_order() -> None:
    queue = filled(large="abc", small="1")
    first, second = queue.popleft(), queue.popleft()
    queue.appendleft("small", second)
    queue.appendleft("large", first)
    assert taken(queue) == "a1bc"


def test_one_that_does_not_wait_any_more_is_not_served() -> None:
    queue = filled(a="xyz", b="1")
    queue.remove("a", "y")
    queue.remove("b", "1")
    queue.remove("b", "1")
    queue.remove("a", "1")
    assert list(queue.heads()) == ["x"]
    assert taken(queue) == "xz"
    with pytest.raises(IndexError):
        queue.popleft()


ITEMS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30)


@given(ITEMS)
def test_nothing_is_lost_and_the_order_within_a_flow_is_kept(steps: list[tuple[str, bool]]) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    served: list[tuple[str, int]] = []
    for number, (flow, serve) in enumerate(steps):
        queue.append(flow, (flow, number))
        if serve:
            served.append(queue.popleft())
    served += [queue.popleft() for _ in range(len(queue))]
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


@given(flows=st.dictionaries(st.sampled_from("abc"), st.text("xyz", min_size=1, max_size=9)))
def test_items_of_some_flows_leave_the_others_alone(flows: dict[str, str]) -> None:
    queue = filled(**flows)
    chosen = [flow for flow, _ in queue.sizes() if flow != "a"]
    took = queue.take(4, chosen)
    expected = filled(**{flow: items for flow, items in flows.items() if flow != "a"})
    assert took == [expected.popleft() for _ in range(min(4, len(expected)))]
    assert sorted(queue) == sorted([*expected, *flows.get("a", "")])
    assert len(queue) == len(expected) + len(flows.get("a", ""))
