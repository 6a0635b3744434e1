"""Which folders are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.events import MailboxListed
from shared.imap.folder_choice import choose_folders, name_of, needs_list, removal_target
from shared.model.folders import Removal, RemovalKind


def folder(name: str, *attributes: str, delimiter: str | None = "/") -> MailboxListed:
    return MailboxListed(b"raw " + name.encode(), name, delimiter, frozenset(attributes))


MAILBOX = [
    folder("INBOX"),
    folder("Lists", "\\noselect"),
    folder("Lists/dev"),
    folder("Lists/dev/old"),
    folder("Spam", "\\junk"),
    folder("Bin", "\\trash"),
    folder("Gesendet", "\\sent"),
    folder("All Mail", "\\all"),
]


def chosen(*wanted: str) -> list[str]:
    return [each.name for each in choose_folders(wanted, MAILBOX).folders]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["inbox"], ["INBOX"]),
        (["Lists/dev"], ["Lists/dev"]),
        (["Lists"], []),
        (["*"], ["INBOX", "Lists/dev", "Lists/dev/old", "Spam"]),
        (["%"], ["INBOX", "Spam"]),
        (["Lists/%"], ["Lists/dev"]),
        (["Lists/*"], ["Lists/dev", "Lists/dev/old"]),
        (["*", "!*/old", "!\\Junk"], ["INBOX", "Lists/dev"]),
        (["\\JUNK"], ["Spam"]),
        (["Bin", "\\Sent"], ["Bin", "Gesendet"]),
        (["*", "!INBOX", "INBOX"], ["Lists/dev", "Lists/dev/old", "Spam"]),
        (["S.am"], []),
    ],
)
def test_folders_are_chosen_by_name_pattern_and_use(wanted: list[str], names: list[str]) -> None:
    assert chosen(*wanted) == names


def test_a_folder_goes_back_to_the_server_as_it_came() -> None:
    (found,) = choose_folders(["Lists/dev"], MAILBOX).folders
    assert found.raw == b"raw Lists/dev"


def test_what_is_named_and_not_there_is_told_and_a_pattern_may_find_nothing() -> None:
    assert choose_folders(["INBOX", "Lost", "\\Archive", "No/*"], MAILBOX).missing == ["Lost", "\\Archive"]


@pytest.mark.parametrize("delimiter", [".", "\\", "/"])
def test_every_delimiter_is_written_as_a_slash(delimiter: str) -> None:
    assert name_of(folder(delimiter.join(("a", "b")), delimiter=delimiter)) == "a/b"


def test_a_flat_name_stays_as_it_is() -> None:
    assert name_of(folder("a.b", delimiter=None)) == "a.b"


def test_only_the_inbox_alone_needs_no_list() -> None:
    assert not needs_list(["Inbox"])
    assert needs_list(["INBOX", "Lists"])
    assert needs_list(["*"])


@given(st.lists(st.text(min_size=1), min_size=1), st.lists(st.text(min_size=1), unique=True))
def test_nothing_is_chosen_that_is_not_listed(wanted: list[str], names: list[str]) -> None:
    listed = [folder(each) for each in names]
    assert {each.name for each in choose_folders(wanted, listed).folders} <= {
        name_of(each) for each in listed
    }


@pytest.mark.parametrize(
    ("removal", "name"),
    [
        (Removal(RemovalKind.TRASH), "Bin"),
        (Removal(RemovalKind.MOVE, "Lists/dev"), "Lists/dev"),
        (Removal(RemovalKind.MOVE, "Lists"), None),
        (Removal(RemovalKind.MOVE, "Done"), None),
    ],
)
def test_mails_are_moved_to_the_trash_or_to_the_folder_that_is_named(
    removal: Removal, name: str | None
) -> None:
    target = removal_target(removal, MAILBOX)
    assert (target.name if target else None) == name


def test_a_mailbox_without_a_trash_has_no_place_to_move_to() -> None:
    assert removal_target(Removal(RemovalKind.TRASH), [folder("INBOX"), folder("Trash")]) is None
