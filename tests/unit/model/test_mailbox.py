"""The words of a source mailbox: keys of its mails, and what a listing proves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.mailbox import (
    INBOX,
    Listed,
    Listing,
    Place,
    UidRange,
    comparable_folder,
    folder_name,
    numeric_uid,
    written_uids,
)
from shared.model.message import LedgerKey

UIDS = st.integers(1, 2**32 - 1)


@given(UIDS, UIDS)
def test_numeric_uids_sort_as_their_numbers_do(one: int, other: int) -> None:
    assert (numeric_uid(one) < numeric_uid(other)) == (one < other)


def test_a_number_may_mean_a_numeric_uid_too() -> None:
    assert written_uids("4711") == ("4711", "0000004711")


@pytest.mark.parametrize("text", ["0000004711", "UID4711", "", "bob@acme.example", "12345678901", "²"])
def test_other_text_means_itself_alone(text: str) -> None:
    assert written_uids(text) == (text,)


@pytest.mark.parametrize(
    ("name", "written"), [("Inbox", "INBOX"), ("inbox", "INBOX"), ("Inbox/a", "Inbox/a"), ("Ä", "Ä")]
)
def test_inbox_in_any_case_is_one_folder(name: str, written: str) -> None:
    assert folder_name(name) == written


def test_the_key_of_a_mail_has_its_folder_and_uidvalidity() -> None:
    assert Listed("a", 1, 10).key == LedgerKey("INBOX", 0, "a")
    assert Listed("0000000007", 1, 10, place=Place("Work", 12)).key == LedgerKey("Work", 12, "0000000007")


def test_a_mail_without_a_uid_has_a_provisional_key() -> None:
    assert Listed("", 1, 10, twin=2).key == LedgerKey("INBOX", 0, " 10-octets-2")


def test_a_listing_covers_its_ranges_and_nothing_else() -> None:
    work = Place("Work", 12)
    listing = Listing((), True, (), covered=[UidRange(INBOX), UidRange(work, numeric_uid(5), numeric_uid(9))])
    assert listing.covers(LedgerKey("INBOX", 0, "anything"))
    assert [uid for uid in range(3, 12) if listing.covers(LedgerKey(*work, numeric_uid(uid)))] == [
        5,
        6,
        7,
        8,
        9,
    ]
    assert not listing.covers(LedgerKey("Work", 13, numeric_uid(5)))
    assert not listing.covers(LedgerKey("Other", 12, numeric_uid(5)))


def test_a_folder_that_was_listed_whole_covers_the_keys_of_its_earlier_uidvalidity() -> None:
    listing = Listing((), True, (), covered=[UidRange(Place("Work", 13))])
    assert listing.covers(LedgerKey("Work", 12, numeric_uid(5)))
    assert not listing.covers(LedgerKey("Other", 12, numeric_uid(5)))


def test_a_folder_has_one_name_however_its_letters_are_made_and_inbox_in_any_case() -> None:
    assert comparable_folder("Entwu\u0308rfe") == comparable_folder("Entw\u00fcrfe") == "Entw\u00fcrfe"
    assert comparable_folder("inbox") == "INBOX"
    assert comparable_folder("sales") != comparable_folder("Sales")
