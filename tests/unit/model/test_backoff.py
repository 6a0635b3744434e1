from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.model.backoff import Backoff

SECONDS = st.floats(0.001, 86400)


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first=0.5, longest=3.0)
    assert [backoff.pause(failures) for failures in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_chance_shortens_a_pause_by_the_spread_at_most() -> None:
    backoff = Backoff(first=1.0, longest=60.0, spread=0.5)
    assert [backoff.pause(3, chance) for chance in (0.0, 0.5, 1.0)] == [8.0, 6.0, 4.0]


def test_any_number_of_failures_has_a_pause() -> None:
    assert Backoff(first=1.0, longest=60.0).pause(10**9) == 60.0


@given(SECONDS, SECONDS, st.floats(0, 1), st.integers(0, 10**6), st.floats(0, 1))
def test_a_pause_never_shrinks_with_failures_and_keeps_to_its_bounds(
    first: float, longest: float, spread: float, failures: int, chance: float
) -> None:
    backoff = Backoff(first, longest, spread)
    pause = backoff.pause(failures, chance)
    assert 0 <= pause <= longest
    assert pause <= backoff.pause(failures + 1, chance)
