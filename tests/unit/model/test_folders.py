"""The settings about folders, as they are written."""

from __future__ import annotations

import pytest

from shared.model.folders import (
    FolderSettings,
    Removal,
    RemovalKind,
    parse_folders,
    parse_removal,
    parse_skip,
)


@pytest.mark.parametrize("written", ["expunge", "trash", "move:Done", "move:Lists/done"])
def test_the_removal_is_shown_as_it_is_written(written: str) -> None:
    assert str(parse_removal(written)) == written


@pytest.mark.parametrize("written", ["", "delete", "move:", "move:/x", "move:a\0", 7, None])
def test_another_removal_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="move:Done"):
        parse_removal(written)


def test_folders_are_taken_in_their_order() -> None:
    assert parse_folders(["*", "\\junk", "!Old"]) == ("*", "\\junk", "!Old")


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ([], "expected a list"),
        ("INBOX", "expected a list"),
        ([""], "expected a list"),
        (["!"], "expected a list"),
        (["a\r\nb"], "expected a list"),
        ([7], "expected a list"),
        (["\\Spam"], "no special use"),
        (["!*", "!INBOX"], "every folder is left out"),
    ],
)
def test_other_folders_are_refused(written: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_folders(written)


def test_the_inbox_is_read_and_expunged_by_default() -> None:
    settings = FolderSettings()
    assert (settings.folders, settings.removal) == (("INBOX",), Removal(RemovalKind.EXPUNGE))


def test_flags_to_skip_are_in_one_order_whatever_is_written() -> None:
    assert parse_skip(["draft", "deleted", "draft"]) == ("deleted", "draft")
    assert parse_skip([]) == FolderSettings().skip == ()


@pytest.mark.parametrize("written", ["deleted", ["seen"], ["\\Deleted"], [7], [["draft"]], None])
def test_other_flags_to_skip_are_refused(written: object) -> None:
    with pytest.raises(ValueError, match='expected a list of these: "deleted", "draft"'):
        parse_skip(written)
