from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.begin import ALL, NOW, Begin

NOVEMBER = 1793491200.0


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("2026-11-01", NOVEMBER),
        ("2026-11-01T08:00:00+01:00", NOVEMBER + 7 * 3600),
        ("2026-11-01T08:00Z", NOVEMBER + 8 * 3600),
        ("2026-11-01 08:00:30z", NOVEMBER + 8 * 3600 + 30),
    ],
)
def test_a_date_is_taken_in_utc_and_a_time_in_its_zone(text: str, since: float) -> None:
    assert Begin.parse(text) == Begin(since)
    assert Begin.parse(text).needs_date
    assert Begin.parse(text).skips


def test_all_skips_nothing_and_now_needs_no_date() -> None:
    assert (ALL.skips, ALL.needs_date) == (False, False)
    assert (NOW.skips, NOW.needs_date) == (True, False)
    assert (Begin.parse("all"), Begin.parse("now")) == (ALL, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "never",
        "2026-11-1",
        "2026-13-01",
        "2026-11-31",
        "2026-11-01T08:00:00",
        "2026-W44-7",
        "20261101",
        "7d",
    ],
)
def test_anything_else_is_refused_by_a_sentence_that_names_the_three_forms(text: str) -> None:
    with pytest.raises(ValueError, match='expected "all", "now", or a date such as "2026-11-01"'):
        Begin.parse(text)


@pytest.mark.parametrize("text", ["all", "now", "2026-11-01", "2026-11-01T07:00:00Z"])
def test_it_is_written_as_it_is_parsed(text: str) -> None:
    assert str(Begin.parse(text)) == text


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(3000, 1, 1)))  # noqa: DTZ001 - the test adds the zone
def test_what_is_written_is_parsed_again(moment: datetime) -> None:
    begin = Begin.parse(moment.replace(microsecond=0).isoformat() + "Z")
    assert Begin.parse(str(begin)) == begin
