"""What every adapter of `Mailbox` promises about deleting."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.reading import read_all
from tests.servers.source_accounts import ImapAccount, SourceAccount

MAILS = [b"Subject: mail %d\r\n\r\nLine %d\r\n" % (n, n) for n in range(8)]


@pytest.mark.parametrize("reads_only", [False, True], ids=["deletes", "keeps"])
async def test_what_was_deleted_is_gone_in_the_next_session(
    account: SourceAccount, *, reads_only: bool
) -> None:
    account.put(MAILS)
    mailbox = await account.open(reads_only=reads_only)
    entries = (await mailbox.listing()).entries
    chosen = [entries[place] for place in (0, 3, 4, 7)]
    assert list(await mailbox.delete(chosen)) == chosen
    assert await read_all(mailbox, entries[1:3]) == MAILS[1:3]
    await mailbox.finish()
    assert account.served() == [MAILS[place] for place in (1, 2, 5, 6)]
    later = await account.open()
    listing = await later.listing()
    assert [each.key for each in listing.entries] == [entries[place].key for place in (1, 2, 5, 6)]
    assert all(listing.covers(each.key) for each in chosen), "so their absence proves that they are gone"
    await later.finish()


async def test_deletions_may_come_in_several_calls_and_between_reading(account: SourceAccount) -> None:
    account.put(MAILS)
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    for place in (6, 1, 3):
        assert await read_all(mailbox, entries[place : place + 1]) == [MAILS[place]]
        assert list(await mailbox.delete([entries[place]])) == [entries[place]]
    await mailbox.finish()
    assert account.served() == [MAILS[place] for place in (0, 2, 4, 5, 7)]


async def test_without_a_deletion_all_stays(account: SourceAccount) -> None:
    account.put(MAILS)
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    assert await read_all(mailbox, entries) == MAILS
    assert list(await mailbox.delete([])) == []
    await mailbox.finish()
    assert account.served() == MAILS


async def test_a_session_that_is_aborted_deletes_only_what_it_said_it_deletes_at_once(
    account: SourceAccount,
) -> None:
    account.put(MAILS)
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    agreed = await mailbox.delete(entries[:3])
    assert list(agreed) == list(entries[:3])
    await mailbox.abort()
    await mailbox.abort()
    # The connection is closed by the event loop.
    assert await asyncio.to_thread(account.served) == (MAILS[3:] if mailbox.deletes_at_once else MAILS)


async def test_only_a_mailbox_that_deletes_at_once_tells_what_is_still_there(account: SourceAccount) -> None:
    account.put(MAILS)
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    await mailbox.delete(entries[:3])
    left = await mailbox.still_there(entries)
    assert (left is not None) == mailbox.deletes_at_once
    assert left is None or sorted(left) == sorted(entries[3:])
    await mailbox.finish()
    assert account.served() == MAILS[3:]


async def test_all_that_was_deleted_is_proven_gone_at_once(imap_account: ImapAccount) -> None:
    imap_account.put(MAILS)
    mailbox = await imap_account.open()
    entries = (await mailbox.listing()).entries
    agreed = await mailbox.delete(entries[:3])
    assert await mailbox.still_there(agreed) == ([] if imap_account.says_nothing_found else None)
    await mailbox.finish()
    assert imap_account.served() == MAILS[3:]


async def test_flags_of_other_mails_do_not_change(imap_account: ImapAccount) -> None:
    imap_account.put(MAILS[:4])
    imap_account.mark([1], "\\Flagged")
    imap_account.mark([2], "\\Seen")
    mailbox = await imap_account.open()
    entries = (await mailbox.listing()).entries
    assert await read_all(mailbox, entries) == MAILS[:4]
    await mailbox.delete(entries[:1])
    await mailbox.finish()
    assert imap_account.flags() == [{"\\Flagged"}, {"\\Seen"}, set()]
