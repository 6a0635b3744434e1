from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.duration import LONGEST, seconds, written


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("90s", 90),
        ("15m", 900),
        ("4h", 14400),
        ("5d", 432000),
        ("1.5h", 5400),
        ("7", 7),
        (" 10 s ", 10),
        (30, 30),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_read_in_seconds(value: object, expected: float) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "s",
        "-1s",
        "1w",
        "1h30m",
        "1e3s",
        "٣s",
        "9" * 12 + "d",
        "9" * 400,
        -1,
        float("nan"),
        float("inf"),
        10**400,
        True,
        None,
    ],
)
def test_what_is_no_duration_is_refused_with_what_is_expected(value: object) -> None:
    with pytest.raises(ValueError, match='expected a duration such as "90s", "15m", "4h" or "5d"'):
        seconds(value)


@pytest.mark.parametrize(
    ("duration", "text"), [(0, "0s"), (60, "1m"), (90, "90s"), (86400, "1d"), (100, "100s"), (0.25, "0.25s")]
)
def test_a_duration_is_written_in_the_largest_unit_that_fits(duration: float, text: str) -> None:
    assert written(duration) == text


@given(st.floats(0, LONGEST))
def test_a_written_duration_is_read_back_to_the_microsecond(duration: float) -> None:
    assert seconds(written(duration)) == pytest.approx(duration, abs=1e-6)


@given(st.text(max_size=20))
def test_any_text_is_either_a_bounded_duration_or_refused(text: str) -> None:
    try:
        assert 0 <= seconds(text) <= LONGEST
    except ValueError:
        return
