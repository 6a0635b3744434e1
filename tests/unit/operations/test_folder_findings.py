from __future__ import annotations

from dataclasses import replace

import pytest

from shared.model.mailbox import FolderFacts, Listed, Place, numeric_uid
from shared.operations.folder_findings import (
    MOST_NAMES,
    folder_details,
    folder_findings,
    trusts_uidnext,
)

FACTS = FolderFacts(("INBOX", "Sent"), "INBOX", writable=True, keeps_uids=True, uidnext=8)
ENTRIES = [
    Listed(numeric_uid(uid), number, 10, place=Place("INBOX", 1)) for number, uid in enumerate((3, 7), 1)
]


def sentences(facts: FolderFacts, entries: list[Listed] = ENTRIES) -> str:
    return "; ".join(folder_findings(facts, entries))


def test_folders_access_and_uids_are_told() -> None:
    assert (
        sentences(FACTS) == "2 folders: INBOX, Sent; INBOX is read-write; UIDs and UIDNEXT can be relied on"
    )


def test_a_folder_that_cannot_be_written_to_is_told() -> None:
    assert "INBOX is read-only, so that mail stays there" in sentences(replace(FACTS, writable=False))
    assert "read-" not in sentences(replace(FACTS, writable=None))


def test_a_removal_that_cannot_be_done_is_told() -> None:
    assert "has no folder Done" in sentences(replace(FACTS, obstacle="isp.example has no folder Done."))


@pytest.mark.parametrize(
    ("uidnext", "trusted"), [(8, True), (7, False), (3, False), (0, False), (None, False)]
)
def test_uidnext_is_relied_on_where_it_is_above_all_uids(uidnext: int | None, trusted: bool) -> None:
    facts = replace(FACTS, uidnext=uidnext)
    assert trusts_uidnext(facts, ENTRIES) is trusted
    assert ("UIDNEXT cannot" in sentences(facts)) is not trusted
    assert folder_details(facts, ENTRIES)["uidnext_reliable"] is trusted


def test_uids_of_one_session_are_told_and_make_uidnext_worthless() -> None:
    facts = replace(FACTS, keeps_uids=False)
    assert "UIDs change from session to session" in sentences(facts)
    assert folder_details(facts, ENTRIES)["uidnext_reliable"] is False


def test_many_and_strange_names_are_cut_and_escaped() -> None:
    facts = replace(FACTS, names=("\x1b[31m" + "x" * 500, *[str(number) for number in range(1000)]))
    text = sentences(facts)
    assert text.startswith("1001 folders: ")
    assert text.isprintable()
    assert len(text) < 300
    assert text.count(",") <= MOST_NAMES + 2


def test_a_protocol_without_folders_has_no_details_of_them() -> None:
    assert folder_details(None, ENTRIES) == {}
