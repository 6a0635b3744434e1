"""Which tags may be settled together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.rabbitmq.tags import UnsettledTags


def unsettled(*tags: int) -> UnsettledTags:
    made = UnsettledTags()
    for tag in tags:
        made.add(tag)
    return made


def test_all_up_to_one_are_settled_in_one_go() -> None:
    assert unsettled(1, 2, 3, 4).settle([3, 1, 2]) == (3, [])


def test_what_lies_beyond_a_gap_is_settled_alone() -> None:
    assert unsettled(1, 2, 3, 4, 5).settle([1, 3, 5]) == (1, [3, 5])


def test_nothing_is_settled_together_while_the_first_is_worked_on() -> None:
    assert unsettled(1, 2, 3).settle([2, 3]) == (None, [2, 3])


def test_what_was_settled_before_is_no_gap() -> None:
    tags = unsettled(1, 2, 3, 4)
    tags.settle([2])
    assert tags.settle([1, 3]) == (3, [])


def test_what_is_settled_or_unknown_is_left_out() -> None:
    tags = unsettled(1, 2)
    tags.settle([1])
    assert tags.settle([1, 99]) == (None, [])


@given(st.integers(0, 30), st.lists(st.lists(st.integers(1, 40), max_size=10), max_size=10))
def test_the_broker_settles_exactly_what_was_named(count: int, rounds: list[list[int]]) -> None:
    tags = unsettled(*range(1, count + 1))
    at_the_broker = set(range(1, count + 1))
    for named in rounds:
        up_to, beyond = tags.settle(named)
        settled = {tag for tag in at_the_broker if up_to is not None and tag <= up_to} | set(beyond)
        assert settled == at_the_broker.intersection(named)
        assert up_to is None or up_to in at_the_broker
        assert at_the_broker.issuperset(beyond)
        at_the_broker -= settled
