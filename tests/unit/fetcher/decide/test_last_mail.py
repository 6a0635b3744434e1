from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.last_mail import mail_came_at, with_last_mail
from services.fetcher.decide.unchanged import Remembered, remembered, with_remembered

moments = st.floats(0.0, 1e10)


@given(moments, moments)
def test_what_is_remembered_outlives_visits_without_mail(at: float, later: float) -> None:
    now = max(at, later)
    assert mail_came_at(with_last_mail(None, at), fetched=0, now=now) == at


@given(moments, moments)
def test_mail_counts_from_now(at: float, now: float) -> None:
    assert mail_came_at(with_last_mail(None, at), fetched=1, now=now) == now


@pytest.mark.parametrize("state", [None, "", "{", "[]", '{"mail_at": "noon"}', '{"mail_at": true}'])
def test_where_nothing_is_remembered_it_counts_from_the_first_visit(state: str | None) -> None:
    assert mail_came_at(state, fetched=0, now=5.0) == 5.0


def test_a_time_to_come_was_set_by_a_wrong_clock() -> None:
    assert mail_came_at(with_last_mail(None, 900.0), fetched=0, now=5.0) == 5.0


def test_what_is_remembered_of_the_mailbox_stays() -> None:
    memory = Remembered("as it was", "digest", 9.0, 3)
    state = with_last_mail(with_remembered(None, memory), 7.0)
    assert remembered(state) == memory
    assert remembered(with_last_mail(state, None)) == memory
    assert mail_came_at(with_remembered(state, None), fetched=0, now=8.0) == 7.0


def test_an_account_without_a_range_remembers_no_time() -> None:
    assert with_last_mail(None, None) is None
    assert with_last_mail(with_last_mail(None, 7.0), None) == "{}"
