"""Which messages may be settled together, and when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.rabbitmq.tags import Settlement, UnsettledTags


def unsettled(*tags: int) -> UnsettledTags:
    """Messages of one event each, so that numbers are tags where these count from one."""
    made = UnsettledTags()
    for tag in tags:
        made.add(tag)
    return made


def handled(up_to: int | None, *beyond: int) -> Settlement:
    return Settlement([], up_to, [*beyond])


def test_all_up_to_one_are_settled_in_one_go() -> None:
    assert unsettled(1, 2, 3, 4).settle([3, 1, 2]) == handled(3)


def test_what_lies_beyond_a_gap_is_settled_alone() -> None:
    assert unsettled(1, 2, 3, 4, 5).settle([1, 3, 5]) == handled(1, 3, 5)


def test_nothing_is_settled_together_while_the_first_is_worked_on() -> None:
    assert unsettled(1, 2, 3).settle([2, 3]) == handled(None, 2, 3)


def test_what_was_settled_before_is_no_gap() -> None:
    tags = unsettled(1, 2, 3, 4)
    tags.settle([2])
    assert tags.settle([1, 3]) == handled(3)


def test_what_is_settled_or_unknown_is_left_out() -> None:
    tags = unsettled(1, 2)
    tags.settle([1])
    assert tags.settle([1, 99]) == handled(None)


def test_a_message_is_settled_with_the_last_of_its_events() -> None:
    tags = UnsettledTags()
    first, second = tags.add(1, 3), tags.add(2)
    assert tags.settle([first[0], first[2], *second]) == handled(None, 2)
    assert tags.settle([first[0]]) == handled(None)
    assert tags.settle([first[1]]) == handled(1)


def test_a_message_of_which_one_event_has_to_come_again_comes_again_as_a_whole() -> None:
    tags = UnsettledTags()
    first, second = tags.add(1, 2), tags.add(2)
    assert tags.settle(first[:1], again=True) == handled(None)
    assert tags.settle([first[1], *second]) == Settlement([1], 2, [])


@given(
    st.lists(st.integers(1, 4), max_size=12),
    st.lists(st.tuples(st.lists(st.integers(1, 40), max_size=10), st.booleans()), max_size=10),
)
def test_the_broker_settles_exactly_the_messages_of_which_all_was_settled(
    messages: list[int], rounds: list[tuple[list[int], bool]]
) -> None:
    tags = UnsettledTags()
    open_events = {tag: {*tags.add(tag, events)} for tag, events in enumerate(messages, 1)}
    spoiled: set[int] = set()
    for named, again in rounds:
        told = tags.settle(named, again=again)
        done = set()
        for tag, events in open_events.items():
            if again and events.intersection(named):
                spoiled.add(tag)
            events.difference_update(named)
            if not events:
                done.add(tag)
        acknowledged = {tag for tag in open_events if told.up_to is not None and tag <= told.up_to}
        acknowledged = acknowledged.difference(told.again).union(told.beyond)
        assert {*told.again} == done & spoiled
        assert acknowledged == done - spoiled
        for tag in done:
            del open_events[tag]
