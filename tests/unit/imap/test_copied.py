from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.copied import MOST, CopiedMails
from shared.model.mailbox import Listed, Listing, Place, UidRange, numeric_uid


def listing(*uids: int, uidvalidity: int = 9, first: str = "") -> Listing:
    place = Place("INBOX", uidvalidity)
    entries = [Listed(numeric_uid(uid), number, 3, place=place) for number, uid in enumerate(uids, 1)]
    return Listing(entries, has_uids=True, problems=(), covered=[UidRange(place, first)])


def copied(*uids: int) -> CopiedMails:
    mails = CopiedMails()
    mails.note_copied("INBOX", 9, uids)
    return mails


@given(st.dictionaries(st.text(min_size=1), st.sets(st.integers(1, 2**32 - 1), max_size=20)))
def test_what_is_written_is_read_as_it_was(folders: dict[str, set[int]]) -> None:
    mails = CopiedMails()
    for folder, uids in folders.items():
        mails.note_copied(folder, 9, uids)
    again = CopiedMails(mails.written)
    assert {each: again.of_folder(each, 9) for each in folders} == folders


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "7", '{"INBOX":7}', '{"INBOX":[9,"x"]}', '{"INBOX":[9,"1:4294967295"]}']
)
def test_a_text_that_is_not_ours_says_nothing(text: str) -> None:
    assert CopiedMails(text).of_folder("INBOX", 9) == frozenset()


def test_nothing_is_written_where_nothing_is_left() -> None:
    mails = copied(5, 6)
    mails.note_gone("INBOX", 9, [5])
    assert mails.of_folder("INBOX", 9) == {6}
    mails.note_gone("INBOX", 9, [6])
    assert mails.written == ""


def test_other_uids_are_other_mails() -> None:
    mails = copied(5)
    assert mails.of_folder("INBOX", 10) == frozenset()
    mails.note_copied("INBOX", 10, [7])
    assert not mails.of_folder("INBOX", 9)
    assert mails.of_folder("INBOX", 10) == {7}


def test_uids_that_do_not_last_are_not_remembered_beyond_the_session() -> None:
    mails = CopiedMails()
    mails.note_copied("INBOX", 0, [5])
    assert mails.of_folder("INBOX", 0) == {5}
    assert mails.written == ""


def test_a_mail_that_a_listing_of_the_folder_lacks_is_forgotten() -> None:
    mails = copied(5, 6)
    mails.keep_listed(listing(6, 7))
    assert mails.of_folder("INBOX", 9) == {6}
    mails.keep_listed(listing(6, uidvalidity=10))
    assert mails.of_folder("INBOX", 9) == frozenset()


def test_a_listing_of_what_came_later_forgets_nothing() -> None:
    mails = copied(5)
    mails.keep_listed(listing(first=numeric_uid(6)))
    assert mails.of_folder("INBOX", 9) == {5}


def test_the_text_is_bounded_and_says_that_it_is_full() -> None:
    mails = CopiedMails(copied(*range(1, 4 * MOST, 2)).written)
    assert (mails.is_full("INBOX"), mails.is_full("Lists")) == (True, False)
    assert len(mails.written) < 12 * MOST
    mails.note_gone("INBOX", 9, [1])
    assert not mails.is_full("INBOX")


def test_copied_mails_are_found_in_a_part_of_a_listing() -> None:
    entries = listing(5, 6, 7).entries
    assert copied(5, 7, 8).among(entries) == {entries[0], entries[2]}
    assert copied(5).among(listing(5, uidvalidity=10).entries) == set()
