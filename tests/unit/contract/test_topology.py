"""The topology as data: nothing can be lost on its way through it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contract.topology import (
    MAX_LATENESS,
    RELAY_QUEUE,
    RETRY_KEY_PREFIX,
    ROUTED_KEY,
    WAIT_STEPS,
    hint_queue,
    longest_retry_delay,
    second_step,
    settled_key,
    topology,
)

DELAYS = st.lists(st.floats(1, 10**6, allow_nan=False), min_size=1, max_size=20)


@given(DELAYS)
def test_every_queue_has_a_name_and_a_key_of_its_own(delays: list[float]) -> None:
    queues = topology(delays).queues

    assert len({queue.name for queue in queues}) == len(queues)
    assert len({queue.key for queue in queues}) == len(queues)


@given(DELAYS)
def test_every_delay_ends_in_the_relay(delays: list[float]) -> None:
    queues = topology(delays).queues

    (relay,) = (queue for queue in queues if queue.name == RELAY_QUEUE)
    assert {queue.then for queue in queues if queue.delay is not None} == {relay.key} == {ROUTED_KEY}
    assert relay.delay is None


@given(DELAYS)
def test_there_are_a_retry_queue_for_each_delay_a_later_one_and_some_to_wait_in(delays: list[float]) -> None:
    made = topology(delays)

    whole = {int(delay) for delay in delays}
    assert set(made.delays) == {*WAIT_STEPS} | whole | {step + step // 20 for step in whole}
    assert list(made.delays) == sorted(made.delays)
    assert [queue.delay for queue in made.queues if queue.delay is not None] == list(made.delays)


@given(DELAYS)
def test_no_retry_is_believed_to_be_due_too_late_whichever_step_it_takes(delays: list[float]) -> None:
    assert all(delay <= second_step(delay) < longest_retry_delay(delays) for delay in delays)


@given(DELAYS, st.floats(0, 10**7, allow_nan=False))
def test_a_retry_never_comes_later_than_it_is_due_unless_all_steps_are_longer(
    delays: list[float], due: float
) -> None:
    made = topology(delays)
    key = made.retry_key(due)
    step = int(key.removeprefix(RETRY_KEY_PREFIX))

    assert key in {queue.key for queue in made.queues}
    assert step <= due or step == min(made.delays)
    assert not any(step < other <= due for other in made.delays)


@given(DELAYS, st.floats(1, 10**7, allow_nan=False))
def test_what_waits_for_something_comes_back_after_it_or_well_before(
    delays: list[float], wait: float
) -> None:
    made = topology(delays)
    step = int(made.wait_key(wait).removeprefix(RETRY_KEY_PREFIX))

    assert made.wait_key(wait) in {queue.key for queue in made.queues}
    assert step <= wait + min(wait, MAX_LATENESS)
    assert step >= wait or not any(wait <= other <= wait + min(wait, MAX_LATENESS) for other in made.delays)


@pytest.mark.parametrize(
    ("wait", "step"), [(1, 1), (2.6, 5), (6, 5), (8, 15), (31, 60), (61, 63), (100, 63), (301, 315)]
)
def test_what_waits_is_on_its_way_few_times(wait: float, step: int) -> None:
    assert topology([60, 300]).wait_key(wait) == f"{RETRY_KEY_PREFIX}{step}"


@pytest.mark.parametrize("delays", [[], [0], [0.9, 60], [-1]])
def test_delays_below_a_second_and_no_delays_are_refused(delays: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one second"):
        topology(delays)


@given(DELAYS, st.text("abc0-", min_size=1))
def test_hints_take_no_queue_and_no_key_of_the_topology(delays: list[float], fetcher: str) -> None:
    queues = topology(delays).queues

    assert hint_queue(fetcher) not in {queue.name for queue in queues}
    assert settled_key(fetcher) not in {queue.key for queue in queues}
