from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.retention import DAY, Retention


@pytest.mark.parametrize(("text", "days"), [("delete", 0), ("keep", None), ("7d", 7), ("99999d", 99999)])
def test_a_retention_is_read(text: str, days: int | None) -> None:
    assert Retention.parse(text) == Retention(days)


@pytest.mark.parametrize("text", ["", "d", "7", "7w", "-1d", "1.5d", "Delete", "7d ", "100000d"])
def test_anything_else_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match='expected "delete", "keep" or a number of days such as "7d"'):
        Retention.parse(text)


@given(st.one_of(st.none(), st.integers(0, 99999)))
def test_a_retention_is_read_as_it_was_written(days: int | None) -> None:
    assert Retention.parse(str(Retention(days))) == Retention(days)


def test_a_copy_to_delete_may_go_as_soon_as_it_is_settled() -> None:
    assert Retention(0).is_over(downloaded_at=1000.0, now=1000.0)
    assert not Retention(0).leaves_a_copy


def test_a_copy_to_keep_may_never_go() -> None:
    assert not Retention(None).is_over(downloaded_at=0.0, now=1e12)
    assert Retention(None).leaves_a_copy


def test_a_copy_for_seven_days_may_go_when_they_are_over_and_not_a_second_before() -> None:
    assert not Retention(7).is_over(downloaded_at=1000.0, now=1000.0 + 7 * DAY - 1)
    assert Retention(7).is_over(downloaded_at=1000.0, now=1000.0 + 7 * DAY)
    assert Retention(7).leaves_a_copy


def test_fault_35_a_clock_that_was_ahead_at_the_download_keeps_no_mail_that_leaves_no_copy() -> None:
    assert Retention(0).is_over(downloaded_at=5000.0, now=1000.0)
    assert not Retention(1).is_over(downloaded_at=5000.0, now=1000.0)
