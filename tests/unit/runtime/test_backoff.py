from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.backoff import full_jitter


def test_the_ceiling_doubles_up_to_the_longest_delay() -> None:
    assert list(islice(full_jitter(0.5, 3.0, lambda: 1.0), 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_delay_lies_anywhere_below_its_ceiling() -> None:
    draws = iter([0.0, 0.25, 0.5])
    assert list(islice(full_jitter(1.0, 60.0, lambda: next(draws)), 3)) == [0.0, 0.5, 2.0]


@given(st.floats(0.001, 10), st.floats(0.001, 1000), st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_no_delay_is_negative_or_longer_than_the_longest(
    first: float, longest: float, draws: list[float]
) -> None:
    given = iter(draws)
    delays = list(islice(full_jitter(first, longest, lambda: next(given)), len(draws)))
    assert all(0 <= delay <= longest for delay in delays)
