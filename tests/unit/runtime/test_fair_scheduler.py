"""Which events are handled together, and which at the same time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.fair_scheduler import Batch, FairScheduler


def appetite(limit: int, at_once: int = 1) -> BatchPolicy:
    return BatchPolicy(prefetch=limit, batch=limit, linger=0, at_once=at_once)


def filled(limit: int, at_once: int = 1, **flows: int) -> FairScheduler[str]:
    dispatch: FairScheduler[str] = FairScheduler(appetite(limit, at_once))
    for flow, count in flows.items():
        for number in range(count):
            dispatch.add(flow, f"{flow}{number}")
    return dispatch


def things(batches: list[Batch[str]]) -> list[list[str]]:
    return [list(batch.things) for batch in batches]


def test_one_flow_alone_has_one_batch_at_a_time_as_large_as_it_can_be() -> None:
    dispatch = filled(20, a=30)
    (first,) = dispatch.begun()
    assert len(first.things) == 20
    assert not dispatch.begun()
    dispatch.ended(first)
    (second,) = dispatch.begun()
    assert len(second.things) == 10


def test_who_has_little_is_handled_beside_who_has_much() -> None:
    dispatch = filled(20, large=30)
    (large,) = dispatch.begun()
    dispatch.add("small", "small0")
    (small,) = dispatch.begun()
    assert small.things == ["small0"]
    dispatch.ended(small)
    dispatch.ended(large)


def test_two_that_have_much_take_turns_in_one_batch() -> None:
    (batch,) = filled(20, a=30, b=30).begun()
    assert batch.things[:4] == ["a0", "b0", "a1", "b1"]


def test_all_that_have_little_share_a_batch() -> None:
    assert things(list(filled(20, a=2, b=1, c=1).begun())) == [["a0", "b0", "c0", "a1"]]


def test_as_many_batches_of_much_are_under_way_as_the_appetite_says() -> None:
    dispatch = filled(20, 2, a=70)
    (first,) = dispatch.begun()
    (second,) = dispatch.begun()
    assert (first.things[0], second.things[0]) == ("a0", "a20")
    assert not dispatch.begun()
    dispatch.ended(second)
    (third,) = dispatch.begun()
    assert third.things[0] == "a40"


def test_of_what_little_there_is_one_batch_is_under_way_however_many_there_may_be_of_much() -> None:
    dispatch = filled(20, 2, a=1)
    (little,) = dispatch.begun()
    dispatch.add("b", "b0")
    assert not dispatch.begun()
    dispatch.ended(little)
    assert things(list(dispatch.begun())) == [["b0"]]


def test_the_rest_of_a_flow_does_not_overtake_what_is_under_way_of_it() -> None:
    dispatch = filled(20, 2, a=21)
    (much,) = dispatch.begun()
    assert not dispatch.begun()
    dispatch.ended(much)
    assert things(list(dispatch.begun())) == [["a20"]]


def test_a_flow_of_which_little_was_taken_is_in_one_batch_at_a_time() -> None:
    dispatch = filled(20, a=1)
    (batch,) = dispatch.begun()
    for number in range(30):
        dispatch.add("a", f"later{number}")
    assert not dispatch.begun()
    dispatch.ended(batch)
    assert things(list(dispatch.begun()))[0][0] == "later0"


def test_much_waits_for_a_full_batch_where_that_is_asked_for_and_little_does_not() -> None:
    dispatch = filled(20, much=10, little=1)
    assert dispatch.has_much
    (little,) = dispatch.begun(full=True)
    assert things([little]) == [["little0"]]
    for number in range(10):
        dispatch.add("more", f"more{number}")
    (much,) = dispatch.begun(full=True)
    assert (len(much.things), much.long) == (20, True)
    assert not dispatch.has_much


def test_much_that_waits_too_long_begins_with_what_there_is() -> None:
    dispatch = filled(20, much=10)
    assert not dispatch.begun(full=True)
    (batch,) = dispatch.begun()
    assert len(batch.things) == 10


@given(
    st.lists(st.one_of(st.sampled_from("abc"), st.just("begin"), st.just("end")), max_size=200),
    st.integers(1, 30),
    st.integers(1, 3),
)
def test_everything_is_handed_out_once_and_in_the_order_of_its_flow(
    steps: list[str], limit: int, at_once: int
) -> None:
    dispatch: FairScheduler[tuple[str, int]] = FairScheduler(appetite(limit, at_once))
    under_way: list[Batch[tuple[str, int]]] = []
    added: dict[str, list[int]] = {}
    handed: dict[str, list[int]] = {}

    def begin() -> None:
        for batch in dispatch.begun():
            assert 0 < len(batch.things) <= limit
            apart = [other for other in under_way if at_once == 1 or not (batch.long and other.long)]
            assert all(batch.flows.isdisjoint(other.flows) for other in apart)
            under_way.append(batch)
            assert sum(each.long for each in under_way) <= at_once
            for flow, number in batch.things:
                handed.setdefault(flow, []).append(number)

    for number, step in enumerate(steps):
        if step == "begin":
            begin()
        elif step == "end":
            if under_way:
                dispatch.ended(under_way.pop(0))
        else:
            dispatch.add(step, (step, number))
            added.setdefault(step, []).append(number)
    while len(dispatch) or under_way:
        begin()
        assert len(under_way) <= 1 + at_once
        dispatch.ended(under_way.pop())
    assert handed == added
