"""Folders whose UIDVALIDITY changes again and again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.uid_trust import (
    DISTRUSTED,
    distrust_sentences,
    distrusted_folders,
    remembered_changes,
    with_changes,
)
from services.fetcher.decide.unchanged import read_state

NOW = 1_000_000.0
INBOX = {"INBOX"}


def after(*visits: set[str], state: str | None = None) -> str | None:
    """The state after visits that found these folders renumbered."""
    for renumbered in visits:
        state = with_changes(state, renumbered, NOW)
    return state


def test_after_three_changes_in_a_row_the_uids_are_not_relied_on() -> None:
    assert distrusted_folders(after(INBOX, INBOX), NOW) == set()
    assert distrusted_folders(after(INBOX, INBOX, INBOX), NOW) == INBOX


def test_a_visit_without_a_change_begins_anew() -> None:
    assert distrusted_folders(after(INBOX, INBOX, set(), INBOX), NOW) == set()


def test_each_folder_is_counted_by_itself() -> None:
    assert distrusted_folders(after({"A", "B"}, {"A"}, {"A", "B"}), NOW) == {"A"}


def test_after_a_day_the_server_gets_another_chance() -> None:
    state = after(INBOX, INBOX, INBOX, set(), set())
    assert distrusted_folders(state, NOW + DISTRUSTED - 1) == INBOX
    assert distrusted_folders(state, NOW + DISTRUSTED) == set()
    assert remembered_changes(with_changes(state, (), NOW + DISTRUSTED)) == {}


def test_a_time_to_come_was_set_by_a_wrong_clock() -> None:
    assert distrusted_folders(after(INBOX, INBOX, INBOX), NOW - 1) == set()


def test_what_else_is_remembered_stays() -> None:
    assert read_state(after(INBOX, set(), state='{"other":[1]}')) == {"other": [1]}


@given(
    st.text()
    | st.recursive(st.integers() | st.text(), st.lists).map(lambda it: json.dumps({"uidvalidities": it}))
)
def test_any_text_is_read(state: str) -> None:
    assert distrusted_folders(state, NOW) == set()


@pytest.mark.parametrize("value", [1, [], {"INBOX": [3]}, {"INBOX": ["3", 1]}, {"INBOX": None}])
def test_what_is_not_ours_is_nothing(value: object) -> None:
    assert remembered_changes(json.dumps({"uidvalidities": value})) == {}


def test_the_operator_is_told_which_folders_they_are() -> None:
    assert distrust_sentences([]) == []
    [sentence] = distrust_sentences(INBOX)
    assert "the UIDVALIDITY of INBOX has changed in 3 visits in a row" in sentence
