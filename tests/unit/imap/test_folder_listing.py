from __future__ import annotations

from shared.imap.commands import examine
from shared.imap.events import Selected
from shared.imap.folder_listing import FolderListing, grown
from shared.imap.folder_state import FolderState

INBOX = examine(b"INBOX")


def folder(uid: int, exists: int, since: FolderState | None = None) -> FolderListing:
    state = FolderState(9, uid + 1, exists)
    told = Selected(INBOX, exists=exists, uidvalidity=9, uidnext=uid + 1)
    return FolderListing(
        "INBOX",
        told,
        exists,
        sizes={uid: 100 * uid},
        is_complete=True,
        problems=[f"problem {uid}"],
        since=since,
        state=state,
        flagged={uid},
        object_ids={uid: f"M{uid}"},
    )


def test_a_folder_that_has_grown_has_what_was_there_before_and_what_came() -> None:
    before = folder(2, 1)
    both = grown(before, folder(5, 2, before.state))
    assert both.sizes == {2: 200, 5: 500}
    assert both.object_ids == {2: "M2", 5: "M5"}
    assert both.flagged == {2, 5}
    assert both.problems == ["problem 2", "problem 5"]
    assert (both.exists, both.expected, both.state, both.first_uid) == (2, 2, FolderState(9, 6, 2), 1)
    assert both.is_complete
