"""What tells the IMAP driver, at Dovecot, that nothing changed, and that a folder has only grown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from services.fetcher.mailboxes.imap import ImapMailbox
from services.fetcher.mailboxes.imap_opening import open_imap
from shared.imap.limits import Options
from shared.model.mailbox import Listing
from tests.integration.imap.test_dovecot import another_client, endpoint_of
from tests.servers.dovecot import Dovecot, Login

KEEPS = Options(reads_only=True)


def mails(*numbers: int) -> list[bytes]:
    return [b"Subject: %d\r\n\r\ntext\r\n" % number for number in numbers]


class Session:
    """An open mailbox; `commands` are those that were sent."""

    def __init__(self, mailbox: ImapMailbox, commands: list[str]) -> None:
        self.mailbox = mailbox
        self.commands = commands


@asynccontextmanager
async def session(dovecot: Dovecot, login: Login, options: Options = KEEPS) -> AsyncIterator[Session]:
    commands: list[str] = []

    def note(side: str, line: str) -> None:
        if side == "C":
            commands.append(line)

    mailbox = await open_imap(
        endpoint_of(dovecot), login.name, login.password, options=options, dialogue=note
    )
    commands.clear()
    try:
        yield Session(mailbox, commands)
        await mailbox.finish()
    finally:
        await mailbox.abort()


def uids(listing: Listing) -> list[int]:
    return [int(entry.uid) for entry in listing.entries]


async def listed(dovecot: Dovecot, login: Login) -> str:
    """List the mailbox; return its fingerprint."""
    async with session(dovecot, login) as opened:
        await opened.mailbox.listing()
        return await opened.mailbox.fingerprint()


async def test_an_unchanged_inbox_is_told_by_what_came_with_the_login(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, mails(1, 2))
    before = await listed(dovecot, login)
    async with session(dovecot, login) as opened:
        assert await opened.mailbox.fingerprint() == before != ""
        assert opened.commands == []


async def test_each_mail_that_comes_or_goes_changes_the_fingerprint(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    fingerprints = [await listed(dovecot, login)]
    dovecot.fill(login.name, mails(1))
    fingerprints.append(await listed(dovecot, login))
    dovecot.fill(login.name, mails(2))
    fingerprints.append(await listed(dovecot, login))
    with another_client(dovecot, login) as other:
        other.uid("store", "1:2", "+FLAGS", r"(\Deleted)")
        other.expunge()
    fingerprints.append(await listed(dovecot, login))
    assert len(set(fingerprints)) == 4


async def test_of_a_folder_that_grew_only_the_later_mails_are_listed(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, mails(1, 2, 3))
    before = await listed(dovecot, login)
    dovecot.fill(login.name, mails(4, 5))
    async with session(dovecot, login) as opened:
        listing = await opened.mailbox.listing(before)
        assert (uids(listing), listing.only_changes) == ([4, 5], True)
        assert [listing.covers(entry.key) for entry in listing.entries] == [True, True]
        earlier = listing.entries[0].key._replace(uid="0000000003")
        assert not listing.covers(earlier)
        assert "UID FETCH 4:*" in " ".join(opened.commands)
        after = await opened.mailbox.fingerprint()
    assert after == await listed(dovecot, login)


async def test_of_an_unchanged_folder_nothing_is_listed(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, mails(1))
    before = await listed(dovecot, login)
    async with session(dovecot, login) as opened:
        listing = await opened.mailbox.listing(before)
        assert (uids(listing), listing.only_changes) == ([], True)
        assert await opened.mailbox.fingerprint() == before


async def test_later_mails_that_went_again_leave_the_earlier_ones_proven(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, mails(1))
    before = await listed(dovecot, login)
    dovecot.fill(login.name, mails(2))
    with another_client(dovecot, login) as other:
        other.uid("store", "2", "+FLAGS", r"(\Deleted)")
        other.expunge()
    async with session(dovecot, login) as opened:
        listing = await opened.mailbox.listing(before)
        assert (uids(listing), listing.only_changes) == ([], True)


async def test_where_an_earlier_mail_went_the_whole_folder_is_listed(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, mails(1, 2))
    before = await listed(dovecot, login)
    dovecot.fill(login.name, mails(3))
    with another_client(dovecot, login) as other:
        other.uid("store", "1", "+FLAGS", r"(\Deleted)")
        other.expunge()
    async with session(dovecot, login) as opened:
        listing = await opened.mailbox.listing(before)
        assert (uids(listing), listing.only_changes) == ([2, 3], False)


async def test_a_fingerprint_of_another_time_of_the_folder_is_of_no_use(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, mails(1))
    async with session(dovecot, login) as opened:
        listing = await opened.mailbox.listing('{"INBOX":[1,1,0]}')
        assert (uids(listing), listing.only_changes) == ([1], False)


async def test_unchanged_folders_are_told_by_one_question_for_all(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    with another_client(dovecot, login) as other:
        other.create("Lists")
    dovecot.fill(login.name, mails(1))
    everything = replace(KEEPS, folders=("*",))
    async with session(dovecot, login, everything) as opened:
        await opened.mailbox.listing()
        before = await opened.mailbox.fingerprint()
    async with session(dovecot, login, everything) as opened:
        assert await opened.mailbox.fingerprint() == before != ""
        assert opened.commands == ["LIST"]
