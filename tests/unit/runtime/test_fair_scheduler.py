"""Which events are handled together, and which at the same time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.batch_policy import BatchPolicy
from shared.runtime.fair_scheduler import Batch, FairScheduler


def policy(limit: int, large_batches: int = 1) -> BatchPolicy:
    return BatchPolicy(prefetch=limit, batch=limit, linger=0, large_batches=large_batches)


def filled(limit: int, large_batches: int = 1, **flows: int) -> FairScheduler[str]:
    scheduler: FairScheduler[str] = FairScheduler(policy(limit, large_batches))
    for flow, count in flows.items():
        for number in range(count):
            scheduler.add_event(flow, f"{flow}{number}")
    return scheduler


def events(batches: list[Batch[str]]) -> list[list[str]]:
    return [list(batch.events) for batch in batches]


def test_one_flow_alone_has_one_batch_at_a_time_as_large_as_it_can_be() -> None:
    scheduler = filled(20, a=30)
    (first,) = scheduler.begin_batches()
    assert len(first.events) == 20
    assert not scheduler.begin_batches()
    scheduler.end_batch(first)
    (second,) = scheduler.begin_batches()
    assert len(second.events) == 10


def test_a_small_backlog_is_handled_beside_a_large_one() -> None:
    scheduler = filled(20, large=30)
    (large,) = scheduler.begin_batches()
    scheduler.add_event("small", "small0")
    (small,) = scheduler.begin_batches()
    assert small.events == ["small0"]
    scheduler.end_batch(small)
    scheduler.end_batch(large)


def test_two_large_backlogs_take_turns_in_one_batch() -> None:
    (batch,) = filled(20, a=30, b=30).begin_batches()
    assert batch.events[:4] == ["a0", "b0", "a1", "b1"]


def test_all_small_backlogs_share_a_batch() -> None:
    assert events(list(filled(20, a=2, b=1, c=1).begin_batches())) == [["a0", "b0", "c0", "a1"]]


def test_as_many_large_batches_are_active_as_the_policy_says() -> None:
    scheduler = filled(20, 2, a=70)
    (first,) = scheduler.begin_batches()
    (second,) = scheduler.begin_batches()
    assert (first.events[0], second.events[0]) == ("a0", "a20")
    assert not scheduler.begin_batches()
    scheduler.end_batch(second)
    (third,) = scheduler.begin_batches()
    assert third.events[0] == "a40"


def test_one_batch_of_small_backlogs_is_active_however_many_of_large_ones_there_may_be() -> None:
    scheduler = filled(20, 2, a=1)
    (small,) = scheduler.begin_batches()
    scheduler.add_event("b", "b0")
    assert not scheduler.begin_batches()
    scheduler.end_batch(small)
    assert events(list(scheduler.begin_batches())) == [["b0"]]


def test_the_rest_of_a_flow_does_not_overtake_the_batch_that_is_active() -> None:
    scheduler = filled(20, 2, a=21)
    (large,) = scheduler.begin_batches()
    assert not scheduler.begin_batches()
    scheduler.end_batch(large)
    assert events(list(scheduler.begin_batches())) == [["a20"]]


def test_a_flow_with_a_small_backlog_is_in_one_batch_at_a_time() -> None:
    scheduler = filled(20, a=1)
    (batch,) = scheduler.begin_batches()
    for number in range(30):
        scheduler.add_event("a", f"later{number}")
    assert not scheduler.begin_batches()
    scheduler.end_batch(batch)
    assert events(list(scheduler.begin_batches()))[0][0] == "later0"


def test_a_large_backlog_waits_for_a_full_batch_on_request_and_a_small_one_does_not() -> None:
    scheduler = filled(20, large=10, small=1)
    assert scheduler.has_large_backlog
    (small,) = scheduler.begin_batches(only_full=True)
    assert events([small]) == [["small0"]]
    for number in range(10):
        scheduler.add_event("more", f"more{number}")
    (large,) = scheduler.begin_batches(only_full=True)
    assert (len(large.events), large.is_large) == (20, True)
    assert not scheduler.has_large_backlog


def test_a_large_backlog_that_waits_too_long_begins_with_what_there_is() -> None:
    scheduler = filled(20, large=10)
    assert not scheduler.begin_batches(only_full=True)
    (batch,) = scheduler.begin_batches()
    assert len(batch.events) == 10


@given(
    st.lists(st.one_of(st.sampled_from("abc"), st.just("begin"), st.just("end")), max_size=200),
    st.integers(1, 30),
    st.integers(1, 3),
)
def test_everything_is_handed_out_once_and_in_the_order_of_its_flow(
    steps: list[str], limit: int, large_batches: int
) -> None:
    scheduler: FairScheduler[tuple[str, int]] = FairScheduler(policy(limit, large_batches))
    active: list[Batch[tuple[str, int]]] = []
    added: dict[str, list[int]] = {}
    handed: dict[str, list[int]] = {}

    def begin() -> None:
        for batch in scheduler.begin_batches():
            assert 0 < len(batch.events) <= limit
            apart = [
                other for other in active if large_batches == 1 or not (batch.is_large and other.is_large)
            ]
            assert all(batch.flows.isdisjoint(other.flows) for other in apart)
            active.append(batch)
            assert sum(each.is_large for each in active) <= large_batches
            for flow, number in batch.events:
                handed.setdefault(flow, []).append(number)

    for number, step in enumerate(steps):
        if step == "begin":
            begin()
        elif step == "end":
            if active:
                scheduler.end_batch(active.pop(0))
        else:
            scheduler.add_event(step, (step, number))
            added.setdefault(step, []).append(number)
    begin()
    while active:
        assert len(active) <= 1 + large_batches
        scheduler.end_batch(active.pop())
        begin()
    assert handed == added
