"""A folder that the server leaves out of its list for a while."""

from __future__ import annotations

import pytest

from services.fetcher.decide.absent_folders import (
    BELIEVED_AFTER,
    AbsentFolders,
    absent_folders,
    remembered_absences,
    with_absences,
)
from shared.model.mailbox import Listing
from shared.model.message import LedgerKey, MessageStatus
from shared.ports.store import LedgerRow

NOW = 1_000_000.0
ROWS = [
    LedgerRow(folder, LedgerKey(folder, 7, "0000000001"), MessageStatus.SETTLED, 1, 9, 9, NOW, NOW)
    for folder in ("INBOX", "Lists")
]


def listing(*folders: str, is_told: bool = True, only_changes: bool = False) -> Listing:
    names = frozenset(folders) if is_told else None
    return Listing((), has_uids=True, problems=(), covered=(), folders=names, only_changes=only_changes)


def since(at: float) -> str:
    return with_absences(None, AbsentFolders({"Lists": at}))


def test_a_folder_is_held_for_a_day_since_it_was_first_missed() -> None:
    first = absent_folders(None, listing("INBOX"), ROWS, NOW)
    assert first == AbsentFolders({"Lists": NOW}, frozenset({"Lists"}))
    state = with_absences('{"other":1}', first)
    later = absent_folders(state, listing("INBOX"), ROWS, NOW + BELIEVED_AFTER - 1)
    assert later == first
    assert absent_folders(state, listing("INBOX"), ROWS, NOW + BELIEVED_AFTER).held == frozenset()


def test_a_folder_that_is_back_is_forgotten() -> None:
    back = absent_folders(since(NOW), listing("INBOX", "Lists"), ROWS, NOW + 9)
    assert back == AbsentFolders({})
    assert with_absences(since(NOW), back) == "{}"


@pytest.mark.parametrize("told", [listing(is_told=False), listing("INBOX", only_changes=True)])
def test_a_listing_that_does_not_tell_changes_nothing(told: Listing) -> None:
    absent = absent_folders(since(NOW), told, ROWS[:1], NOW + BELIEVED_AFTER)
    assert absent == AbsentFolders({"Lists": NOW}, frozenset({"Lists"}))


def test_a_time_to_come_begins_anew() -> None:
    assert absent_folders(since(NOW + 9e9), listing("INBOX"), ROWS, NOW).since == {"Lists": NOW}


@pytest.mark.parametrize("text", ["", "x", '{"absent folders":7}', '{"absent folders":{"Lists":"x"}}'])
def test_a_text_that_is_not_ours_says_nothing(text: str) -> None:
    assert remembered_absences(text) == {}
