"""Several folders, and where mails go that are done, at Dovecot."""

from __future__ import annotations

import pytest

from services.fetcher.mailboxes.imap import ImapMailbox
from shared.imap.limits import Options
from shared.model.folders import parse_removal
from shared.model.mailbox import Listed
from tests.integration.imap.test_dovecot import another_client, fetched, opened
from tests.servers.dovecot import Dovecot, Login

ALL = ("*",)


def mail(name: str) -> bytes:
    return b"Subject: %s\r\n\r\ntext\r\n" % name.encode()


class Account:
    """A mailbox with folders, as another client fills and sees it."""

    def __init__(self, dovecot: Dovecot, *folders: str) -> None:
        self.dovecot = dovecot
        self.login: Login = dovecot.new_user()
        with another_client(dovecot, self.login) as client:
            for each in folders:
                client.create(each)

    def add(self, folder: str, *names: str) -> None:
        with another_client(self.dovecot, self.login) as client:
            for name in names:
                client.append(folder, "", "", mail(name))

    def subjects(self, folder: str) -> list[str]:
        with another_client(self.dovecot, self.login) as client:
            client.select(folder, readonly=True)
            _, data = client.uid("fetch", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            return [each[1].split(b":")[1].strip().decode() for each in data if isinstance(each, tuple)]

    def flags(self, folder: str) -> list[bytes]:
        with another_client(self.dovecot, self.login) as client:
            client.select(folder, readonly=True)
            _, data = client.uid("fetch", "1:*", "(FLAGS)")
            return [each for each in data if isinstance(each, bytes)]

    async def open(self, **options: object) -> ImapMailbox:
        return await opened(self.dovecot, self.login, Options(**options))  # type: ignore[arg-type] # by name


def places(entries: list[Listed]) -> list[str]:
    return [entry.place.folder for entry in entries]


async def test_the_mails_of_all_folders_are_listed_read_and_deleted(dovecot: Dovecot) -> None:
    account = Account(
        dovecot, "Lists", "Lists.dev", "Trash", "Käse".encode("utf-7").decode().replace("+", "&")
    )
    account.add("INBOX", "a", "b")
    account.add("Lists.dev", "c")
    account.add("Trash", "d")
    account.add("K&AOQ-se", "e")
    mailbox = await account.open(folders=ALL)
    listing = await mailbox.listing()
    assert listing.problems == ()
    assert places([*listing.entries]) == ["INBOX", "INBOX", "Käse", "Lists/dev"]
    assert all(listing.covers(each.key) for each in listing.entries)
    mails = await fetched(mailbox, listing.entries)
    assert mails == [mail(name) for name in "abec"]
    done = [listing.entries[0], listing.entries[3]]
    assert list(await mailbox.delete(done)) == done
    assert await mailbox.still_there(done) == []
    await mailbox.finish()
    assert (account.subjects("INBOX"), account.subjects("Lists.dev")) == (["b"], [])
    assert account.subjects("Trash") == ["d"]


async def test_of_unchanged_folders_nothing_is_listed_and_a_mail_that_was_moved_shows_in_both(
    dovecot: Dovecot,
) -> None:
    account = Account(dovecot, "Lists", "Work")
    account.add("INBOX", "a")
    account.add("Lists", "b")
    account.add("Work", "c")
    mailbox = await account.open(folders=ALL, reads_only=True)
    await mailbox.listing()
    before = await mailbox.fingerprint()
    await mailbox.finish()
    with another_client(dovecot, account.login) as client:
        client.uid("move", "1", "Lists")
    mailbox = await account.open(folders=ALL, reads_only=True)
    assert await mailbox.fingerprint() != before != ""
    listing = await mailbox.listing(before)
    assert (listing.only_changes, places([*listing.entries])) == (True, ["Lists"])
    assert {each.place.folder for each in listing.covered} == {"INBOX", "Lists"}
    await mailbox.finish()


async def test_a_folder_that_is_named_and_not_there_is_told_by_each_visit(dovecot: Dovecot) -> None:
    account = Account(dovecot)
    account.add("INBOX", "a")
    mailbox = await account.open(folders=("INBOX", "Lost"))
    listing = await mailbox.listing()
    assert places([*listing.entries]) == ["INBOX"]
    assert ["has no folder Lost" in each for each in listing.problems] == [True]
    assert await mailbox.fingerprint() == ""
    await mailbox.finish()


@pytest.mark.parametrize(("written", "target"), [("trash", "Trash"), ("move:Lists/done", "Lists.done")])
async def test_mails_that_are_done_are_moved(dovecot: Dovecot, written: str, target: str) -> None:
    account = Account(dovecot, "Trash", "Lists.done")
    account.add("INBOX", "a", "b", "c")
    mailbox = await account.open(removal=parse_removal(written))
    listing = await mailbox.listing()
    done = listing.entries[:2]
    assert list(await mailbox.delete(done)) == list(done)
    assert await mailbox.still_there(done) == []
    await mailbox.finish()
    assert (account.subjects("INBOX"), account.subjects(target)) == (["c"], ["a", "b"])


@pytest.mark.parametrize(
    ("written", "folders", "sentence"),
    [
        ("trash", ("INBOX",), "does not say which folder is its trash"),
        ("move:Lost", ("INBOX",), "has no folder Lost to move to: delivered mails stay. Create it,"),
        ("move:Lists", ("*",), "which is read itself"),
    ],
)
async def test_where_mails_cannot_be_moved_they_stay_and_the_operator_is_told(
    dovecot: Dovecot, written: str, folders: tuple[str, ...], sentence: str
) -> None:
    account = Account(dovecot, "Lists")
    account.add("INBOX", "a")
    mailbox = await account.open(folders=folders, removal=parse_removal(written))
    listing = await mailbox.listing()
    assert await mailbox.delete(listing.entries) == []
    assert any(sentence in each for each in mailbox.remarks)
    await mailbox.finish()
    assert account.subjects("INBOX") == ["a"]


async def test_copies_are_marked_as_read_on_demand_and_no_other_flag_is_touched(dovecot: Dovecot) -> None:
    account = Account(dovecot)
    account.add("INBOX", "a", "b")
    mailbox = await account.open(reads_only=True)
    listing = await mailbox.listing()
    await mailbox.mark_seen(listing.entries[:1])
    await mailbox.finish()
    first, second = account.flags("INBOX")
    assert b"\\Seen" in first
    assert b"\\Seen" not in second
    assert all(b"\\Deleted" not in each for each in (first, second))
