from __future__ import annotations

import pytest

from shared.imap.combined import combine
from shared.imap.commands import examine
from shared.imap.events import Selected
from shared.imap.folder_listing import FolderListing
from shared.model.mailbox import Listing, Place
from shared.model.message import LedgerKey

INBOX = examine(b"INBOX")


def folder(
    name: str = "INBOX", validity: int | None = 9, *, complete: bool = True, uid_not_sticky: bool = False
) -> FolderListing:
    told = Selected(INBOX, uidvalidity=validity, uid_not_sticky=uid_not_sticky)
    return FolderListing(name, told, 2, sizes={7: 100, 3: 100}, is_complete=complete)


def test_mails_have_their_folder_and_a_uid_of_ten_digits() -> None:
    listing = combine([folder()]).listing
    assert [(each.uid, each.number, each.size) for each in listing.entries] == [
        ("0000000003", 1, 100),
        ("0000000007", 2, 100),
    ]
    assert listing.entries[0].key == LedgerKey("INBOX", 9, "0000000003")
    assert listing.entries[0].place is listing.entries[1].place
    assert listing.has_uids


def test_a_complete_listing_covers_its_folder_and_its_earlier_uidvalidities() -> None:
    combined = combine([folder(), folder("Work", complete=False)]).listing
    assert covers(combined, LedgerKey("INBOX", 9, "0000000099"))
    assert covers(combined, LedgerKey("INBOX", 8, "0000000003"))
    assert not covers(combined, LedgerKey("Work", 9, "0000000099"))
    assert not covers(combined, LedgerKey("Other", 9, "0000000099"))


def covers(listing: Listing, key: LedgerKey) -> bool:
    return listing.covers(key)


def test_numbers_go_on_over_all_folders() -> None:
    listing = combine([folder(), folder("Work")]).listing
    assert [each.number for each in listing.entries] == [1, 2, 3, 4]
    assert {each.place for each in listing.entries} == {Place("INBOX", 9), Place("Work", 9)}


@pytest.mark.parametrize("lacking", [folder(validity=0), folder(validity=None), folder(uid_not_sticky=True)])
def test_without_lasting_uids_mails_are_named_by_size_and_found_within_the_session(
    lacking: FolderListing,
) -> None:
    combined = combine([lacking])
    assert not combined.listing.has_uids
    assert [(each.uid, each.size, each.twin) for each in combined.listing.entries] == [
        ("", 100, 1),
        ("", 100, 2),
    ]
    assert combined.session_uids == {1: 3, 2: 7}


def test_mails_without_lasting_uids_beside_others_are_nameless() -> None:
    listing = combine([folder(), folder("Work", validity=0)]).listing
    assert listing.has_uids
    assert [each.place.folder for each in listing.nameless] == ["Work", "Work"]
