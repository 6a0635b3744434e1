from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.model.account import FIRST_RETRY, RETRY_SPREAD, RetryTimes


@given(st.integers(0, 10_000), st.floats(0, 60), st.floats(0, 1, exclude_max=True))
def test_pauses_between_tries_double_up_to_the_longest_and_are_spread(
    tries: int, longest: float, chance: float
) -> None:
    times = RetryTimes(retry_delay=longest)
    full = min(longest, FIRST_RETRY * 2.0 ** min(tries, 10))
    assert full * (1 - RETRY_SPREAD) <= times.retry_pause(tries, chance) <= full
    assert times.retry_pause(tries, chance) <= times.retry_pause(tries + 1, chance)
