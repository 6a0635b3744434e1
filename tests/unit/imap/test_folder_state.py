"""The state of a folder, as text and as the server tells it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.commands import select
from shared.imap.events import Selected
from shared.imap.folder_state import LONGEST_STATES, FolderState, read_states, selected_state, written_states

SELECTED = Selected(select(b"INBOX"), exists=3, uidvalidity=7, uidnext=12)


@given(st.dictionaries(st.text(), st.builds(FolderState, *[st.integers(0, 2**40)] * 3)))
def test_states_are_read_as_they_were_written(states: dict[str, FolderState]) -> None:
    assert read_states(written_states(states)) == states


@given(st.text())
def test_other_text_has_no_states(text: str) -> None:
    assert read_states(text) == {}


def test_the_text_is_the_same_for_the_same_states() -> None:
    one, two = FolderState(1, 2, 3), FolderState(4, 5, 6)
    assert written_states({"a": one, "b": two}) == written_states({"b": two, "a": one})


def test_a_folder_has_the_state_in_which_it_was_selected() -> None:
    assert selected_state(SELECTED) == FolderState(7, 12, 3)


@pytest.mark.parametrize(
    "selected",
    [
        Selected(SELECTED.command, exists=3, uidvalidity=7),
        Selected(SELECTED.command, exists=3, uidvalidity=7, uidnext=0),
        Selected(SELECTED.command, exists=3, uidvalidity=0, uidnext=12),
        Selected(SELECTED.command, uidvalidity=7, uidnext=12),
        Selected(SELECTED.command, exists=3, uidvalidity=7, uidnext=12, uid_not_sticky=True),
    ],
)
def test_a_folder_has_no_state_where_the_server_leaves_something_open(selected: Selected) -> None:
    assert selected_state(selected) is None


def test_states_are_not_written_where_a_server_makes_them_so_long_that_each_lease_would_carry_them() -> None:
    state = FolderState(2**32 - 1, 2**32 - 1, 2**32 - 1)
    assert read_states(written_states({f"{number:060}": state for number in range(1_000)}))
    assert written_states({"a" * LONGEST_STATES: state}) == ""
