"""Which folders are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.sql.text import safe
from shared.imap.events import MailboxListed
from shared.imap.folder_choice import LONGEST_NAME, choose_folders, name_of, needs_list, removal_target
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


def test_a_nul_is_escaped_as_the_ledger_writes_it() -> None:
    assert name_of(folder("a\0b")) == safe("a\0b") != "a\0b"


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


def test_of_two_folders_with_one_name_the_first_is_read_and_the_other_is_told() -> None:
    one, other = folder("a/b", delimiter="."), folder("a.b", delimiter=".")
    for listed in ([one, other], [other, one]):
        choice = choose_folders(["*"], listed)
        assert [each.raw for each in choice.folders] == [b"raw a.b"]
        assert choice.unreadable == ["a/b"]


def test_a_folder_that_is_listed_twice_is_one_folder() -> None:
    choice = choose_folders(["*"], [folder("a"), folder("a")])
    assert (len(choice.folders), choice.unreadable) == (1, [])


@pytest.mark.parametrize("attribute", ["\\noselect", "\\nonexistent"])
def test_a_name_that_is_no_folder_does_not_hide_the_folder_of_that_name(attribute: str) -> None:
    listed = [folder("a.b", delimiter="."), folder("a/b", attribute, delimiter=".")]
    choice = choose_folders(["*"], listed)
    assert [each.raw for each in choice.folders] == [b"raw a.b"]
    assert choice.unreadable == []


def test_a_folder_whose_name_no_key_has_room_for_is_told() -> None:
    choice = choose_folders(["*"], [folder("ä" * LONGEST_NAME), folder("b")])
    assert [each.name for each in choice.folders] == ["b"]
    assert choice.unreadable == ["ä" * LONGEST_NAME]


def test_what_is_not_wanted_is_not_told_either() -> None:
    assert choose_folders(["INBOX"], [folder("ä" * LONGEST_NAME), folder("INBOX")]).unreadable == []


@pytest.mark.parametrize("name", ["*", "Do%", "!Done"])
def test_a_removal_names_its_folder_and_gives_no_pattern(name: str) -> None:
    assert removal_target(Removal(RemovalKind.MOVE, name), [folder("Done"), folder("Inbox")]) is None
    target = removal_target(Removal(RemovalKind.MOVE, name), [folder("Done"), folder(name)])
    assert target is not None
    assert target.name == name
