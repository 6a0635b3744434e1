"""A clock that was behind is noticed by what ran on meanwhile; time without Mailferry is not taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.clocks import LONGEST_PAUSE, TOLERANCE, Reading, was_behind

NOW = 1_800_000_000.0
YEARS = 6 * 365 * 86400.0
DATES = st.floats(0, 4e9)


@pytest.mark.parametrize(
    ("before", "now", "told", "behind"),
    [
        (None, Reading(NOW, 10), None, False),
        (None, Reading(NOW, 10), NOW - 60, False),
        (None, Reading(NOW, 10), NOW - LONGEST_PAUSE, False),
        (None, Reading(NOW, 10), NOW - YEARS, True),
        (None, Reading(NOW, 10), NOW + YEARS, False),
        (Reading(NOW - 30, 10), Reading(NOW, 40), NOW - 30, False),
        (Reading(NOW - YEARS, 10), Reading(NOW, 40), NOW - YEARS, True),
        (Reading(NOW - TOLERANCE, 10), Reading(NOW, 40), NOW - TOLERANCE, False),
        (Reading(NOW - YEARS, 10), Reading(NOW, YEARS), NOW - YEARS, False),
        (Reading(NOW + YEARS, 10), Reading(NOW, 40), NOW + YEARS, False),
        (Reading(NOW - 30, 10), Reading(NOW, 40), NOW - YEARS, True),
        (Reading(NOW - 30, 10), Reading(NOW, 40), NOW - 60, False),
    ],
    ids=[
        "first of all", "start", "start after a month", "start after years", "start after a clock ahead",
        "time passes", "put right while it runs", "a little put forward", "asleep for years", "was ahead",
        "another is behind", "another looked before",
    ],
)  # fmt: skip
def test_what_readings_tell(before: Reading | None, now: Reading, told: float | None, behind: bool) -> None:
    assert was_behind(before, now, told) is behind


@given(DATES, st.floats(0, 1e9), st.floats(0, 1e9))
def test_time_that_only_passes_is_never_taken_for_a_wrong_clock(
    date: float, running: float, passed: float
) -> None:
    before = Reading(date, running)
    assert not was_behind(before, Reading(date + passed, running + passed), date)


@given(DATES, st.floats(0, 1e9), st.floats(0, 1e9), st.floats(2 * TOLERANCE, 4e9))
def test_a_jump_is_noticed_however_long_after(date: float, running: float, passed: float, by: float) -> None:
    before = Reading(date, running)
    assert was_behind(before, Reading(date + passed + by, running + passed), date)
