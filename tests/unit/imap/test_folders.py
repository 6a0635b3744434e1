from __future__ import annotations

import pytest

from shared.imap.commands import examine
from shared.imap.events import Selected
from shared.imap.folder_choice import Folder
from shared.imap.folder_list import ONLY_INBOX
from shared.imap.folders import Folders, has_lasting_uids, may_delete
from shared.model.source_errors import NotPermitted, SourceRefused
from tests.unit.imap.sessions import ImapScript, logged_in

OPEN = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n"
INBOX = examine(b"INBOX")
OFFICE = Folder("Büro", b"B&APw-ro")


async def listed(*reads: bytes, writable: bool = False) -> tuple[ImapScript, Folders]:
    stream, conversation = await logged_in(OPEN + b"$1 OK\r\n", *reads)
    folders = Folders(conversation)
    await folders.open_for_listing(ONLY_INBOX, writable=writable)
    return stream, folders


async def test_a_folder_that_is_open_is_not_opened_again() -> None:
    stream, folders = await listed(writable=True)
    await folders.open_listed("INBOX")
    await folders.open_listed("INBOX", writable=True)
    assert stream.said == ['SELECT "INBOX"']


async def test_a_folder_that_was_opened_with_the_login_is_not_opened_again() -> None:
    stream, conversation = await logged_in(OPEN + b"$1 OK\r\n", OPEN + b"$2 OK\r\n")
    ahead = await conversation.execute_all([examine(b"INBOX")])
    folders = Folders(conversation, ahead)
    assert (await folders.open_for_listing(ONLY_INBOX, writable=False)).uidvalidity == 9
    assert len(stream.said) == 1
    await folders.open_for_listing(ONLY_INBOX, writable=False)
    assert len(stream.said) == 2, "a second listing opens it anew"


async def test_a_folder_that_was_opened_in_another_way_with_the_login_is_opened_again() -> None:
    stream, conversation = await logged_in(OPEN + b"$1 OK\r\n", OPEN + b"$2 OK\r\n")
    folders = Folders(conversation, await conversation.execute_all([examine(b"INBOX")]))
    await folders.open_for_listing(ONLY_INBOX, writable=True)
    assert stream.said == ['EXAMINE "INBOX"', 'SELECT "INBOX"']


async def test_a_folder_is_examined_until_something_is_to_be_deleted() -> None:
    stream, folders = await listed(OPEN + b"$2 OK [READ-WRITE] ok\r\n")
    await folders.open_listed("INBOX")
    await folders.open_listed("INBOX", writable=True)
    await folders.open_listed("INBOX")
    assert stream.said == ['EXAMINE "INBOX"', 'SELECT "INBOX"']


@pytest.mark.parametrize("again", [OPEN.replace(b"9", b"10"), b"* 1 EXISTS\r\n", OPEN.replace(b"9", b"0")])
async def test_uids_that_are_no_longer_those_of_the_listing_are_not_used(again: bytes) -> None:
    _, folders = await listed(again + b"$2 OK\r\n")
    with pytest.raises(SourceRefused, match="other UIDs within the session"):
        await folders.open_listed("INBOX", writable=True)


async def test_uids_of_one_session_do_not_outlive_another_select() -> None:
    _, conversation = await logged_in(b"* 1 EXISTS\r\n$1 OK\r\n", b"* 1 EXISTS\r\n$2 OK\r\n")
    folders = Folders(conversation)
    await folders.open_for_listing(ONLY_INBOX, writable=False)
    with pytest.raises(SourceRefused, match="other UIDs within the session"):
        await folders.open_listed("INBOX", writable=True)


async def test_a_new_listing_opens_the_folder_anew_whatever_its_uidvalidity() -> None:
    stream, folders = await listed(OPEN.replace(b"9", b"10") + b"$2 OK\r\n")
    selected = await folders.open_for_listing(ONLY_INBOX, writable=False)
    assert selected.uidvalidity == 10
    await folders.open_listed("INBOX")
    assert stream.said == ['EXAMINE "INBOX"'] * 2


async def test_a_folder_that_cannot_be_opened_is_named() -> None:
    _, conversation = await logged_in(b"$1 NO [NONEXISTENT] where?\r\n")
    with pytest.raises(NotPermitted, match="Opening the folder Büro"):
        await Folders(conversation).open_for_listing(OFFICE, writable=True)


async def test_names_go_back_to_the_server_as_they_came() -> None:
    stream, conversation = await logged_in(b"* 1 EXISTS\r\n$1 OK\r\n")
    await Folders(conversation).open_for_listing(OFFICE, writable=True)
    assert stream.said == ['SELECT "B&APw-ro"']


@pytest.mark.parametrize(
    ("selected", "lasting"),
    [
        (Selected(INBOX, uidvalidity=1), True),
        (Selected(INBOX, uidvalidity=0), False),
        (Selected(INBOX), False),
        (Selected(INBOX, uidvalidity=1, uid_not_sticky=True), False),
    ],
)
def test_uids_last_only_with_a_uidvalidity(selected: Selected, lasting: bool) -> None:
    assert has_lasting_uids(selected) is lasting


@pytest.mark.parametrize(
    ("selected", "allowed"),
    [
        (Selected(INBOX), True),
        (Selected(INBOX, permanent_flags=frozenset({"\\deleted", "\\seen"})), True),
        (Selected(INBOX, permanent_flags=frozenset({"\\seen", "\\*"})), False),
        (Selected(INBOX, permanent_flags=frozenset()), False),
        (Selected(INBOX, read_only=True), False),
    ],
)
def test_mails_can_be_deleted_only_where_the_mark_lasts(selected: Selected, allowed: bool) -> None:
    assert may_delete(selected) is allowed
