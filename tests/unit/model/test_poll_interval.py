from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.poll_interval import PollInterval

whole_seconds = st.integers(1, 10**6).map(float)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("5m", PollInterval(300.0, 300.0)),
        (90, PollInterval(90.0, 90.0)),
        ("1m..15m", PollInterval(60.0, 900.0)),
        (" 30 s .. 1h ", PollInterval(30.0, 3600.0)),
    ],
)
def test_one_duration_or_two_are_read(written: object, read: PollInterval) -> None:
    assert PollInterval.parse(written) == read


@pytest.mark.parametrize("written", ["", "..", "1m..", "..1m", "1m..2m..3m", "1m-2m", True, None, "0..1m"])
def test_anything_else_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"expected a duration|must be more than 0"):
        PollInterval.parse(written)


def test_a_reversed_range_is_refused_with_the_order() -> None:
    with pytest.raises(ValueError, match="the shorter interval comes first"):
        PollInterval.parse("15m..1m")


@given(whole_seconds, whole_seconds)
def test_a_range_is_read_as_it_was_written(one: float, other: float) -> None:
    interval = PollInterval(min(one, other), max(one, other))
    assert PollInterval.parse(str(interval)) == interval
    assert interval.grows is (one != other)


@given(whole_seconds, whole_seconds, whole_seconds)
def test_no_end_of_a_range_is_shorter_than_a_host_allows(one: float, other: float, least: float) -> None:
    bounded = PollInterval(min(one, other), max(one, other)).at_least(least)
    assert least <= bounded.shortest <= bounded.longest
