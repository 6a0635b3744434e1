"""The topology as data: nothing can be lost on its way through it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contract.topology import (
    BUSY_DELAY,
    RELAY_QUEUE,
    RETRY_KEY_PREFIX,
    ROUTED_KEY,
    hint_queue,
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
def test_there_are_a_retry_queue_for_each_delay_a_later_one_and_one_for_busy_targets(
    delays: list[float],
) -> None:
    made = topology(delays)

    whole = {int(delay) for delay in delays}
    assert set(made.delays) == {BUSY_DELAY} | whole | {step + step // 20 for step in whole}
    assert list(made.delays) == sorted(made.delays)
    assert [queue.delay for queue in made.queues if queue.delay is not None] == list(made.delays)


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


@given(st.integers(20, 10**6), st.floats(0, 1, exclude_max=True))
def test_what_fails_together_comes_back_in_two_halves(delay: int, chance: float) -> None:
    made = topology([delay])
    key = made.retry_key(delay * (1 + 0.1 * chance))
    assert key == f"{RETRY_KEY_PREFIX}{delay + delay // 20 if delay * 0.1 * chance >= delay // 20 else delay}"


@pytest.mark.parametrize("delays", [[], [0], [0.9, 60], [-1]])
def test_delays_below_a_second_and_no_delays_are_refused(delays: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one second"):
        topology(delays)


@given(DELAYS, st.text("abc0-", min_size=1))
def test_hints_take_no_queue_and_no_key_of_the_topology(delays: list[float], fetcher: str) -> None:
    queues = topology(delays).queues

    assert hint_queue(fetcher) not in {queue.name for queue in queues}
    assert settled_key(fetcher) not in {queue.key for queue in queues}
