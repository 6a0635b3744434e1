"""What every adapter of `Mailbox` promises while another client works in the same mailbox."""

from __future__ import annotations

from tests.fakes.reading import read, read_all
from tests.servers.source_accounts import ImapAccount, SourceAccount

MAILS = [b"Subject: mail %d\r\n\r\nLine %d\r\n" % (n, n) for n in range(8)]
NEW = b"Subject: new\r\n\r\nNew.\r\n"
DELETED = "\\Deleted"


async def test_a_mail_that_comes_in_the_middle_is_neither_lost_nor_taken_for_another(
    account: SourceAccount,
) -> None:
    account.put(MAILS)
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    account.append(NEW)
    assert await read_all(mailbox, entries) == MAILS
    assert list(await mailbox.delete(entries)) == list(entries)
    await mailbox.finish()
    assert account.served() == [NEW]
    later = await account.open()
    (entry,) = (await later.listing()).entries
    assert entry.key not in {each.key for each in entries}
    assert await read_all(later, [entry]) == [NEW]
    await later.finish()


async def test_what_another_client_removes_in_the_middle_takes_no_other_mail_along(
    account: SourceAccount,
) -> None:
    account.put(MAILS)
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    account.expunge([2, 5])
    found = await read(mailbox, entries)
    assert found.begun == {}
    there = [place for place in range(8) if place not in (2, 5)]
    numbers = [entry.number for entry in entries]
    assert {numbers[place]: MAILS[place] for place in there}.items() <= found.mails.items()
    for number, mail in found.mails.items():
        assert mail == MAILS[numbers.index(number)], "a notice in place of a mail is no mail"
    await mailbox.finish()
    assert account.served() == [MAILS[place] for place in there]


async def test_a_mail_that_another_client_removed_counts_as_deleted(imap_account: ImapAccount) -> None:
    imap_account.put(MAILS)
    mailbox = await imap_account.open()
    entries = (await mailbox.listing()).entries
    imap_account.expunge([1])
    agreed = await mailbox.delete(entries[:3])
    assert {entries[0], entries[2]} <= set(agreed)
    assert await mailbox.still_there(entries[:3]) == ([] if imap_account.says_nothing_found else None)
    await mailbox.finish()
    assert imap_account.served() == MAILS[3:]


async def test_what_another_client_marked_is_read_and_never_expunged_by_us(
    imap_account: ImapAccount,
) -> None:
    imap_account.put(MAILS)
    mailbox = await imap_account.open()
    entries = (await mailbox.listing()).entries
    imap_account.mark([4, 6], DELETED)
    assert await read_all(mailbox, entries) == MAILS
    agreed = await mailbox.delete(entries[:2])
    left = await mailbox.still_there(entries)
    await mailbox.finish()
    assert left is not None
    assert set(left).isdisjoint(agreed)
    assert imap_account.served() == [MAILS[place] for place in range(8) if entries[place] not in agreed]
    marked = [DELETED in flags for flags in imap_account.flags()]
    assert marked.count(True) == 2 + (2 - len(agreed)), "marks of others are not lifted"
    if not agreed:
        assert any("marked" in each for each in mailbox.remarks), "the operator is told whose they are"


async def test_marks_from_before_the_session_are_not_ours_either(imap_account: ImapAccount) -> None:
    imap_account.put(MAILS)
    imap_account.mark([7], DELETED)
    mailbox = await imap_account.open()
    entries = (await mailbox.listing()).entries
    assert len(entries) == 8
    agreed = await mailbox.delete(entries[:2])
    await mailbox.finish()
    assert imap_account.served() == [MAILS[place] for place in range(8) if entries[place] not in agreed]


async def test_what_another_client_moves_away_is_left_where_it_is(imap_account: ImapAccount) -> None:
    imap_account.put(MAILS)
    mailbox = await imap_account.open()
    entries = (await mailbox.listing()).entries
    imap_account.move([3])
    found = await read(mailbox, entries)
    assert found.begun == {}
    await mailbox.delete(entries)
    assert not await mailbox.still_there(entries)
    await mailbox.finish()
    assert imap_account.served() == []
    assert imap_account.served_in(imap_account.archive) == [MAILS[3]]


async def test_all_of_it_at_once(imap_account: ImapAccount) -> None:
    """One client removes, marks, moves and appends between listing, reading and deleting."""
    imap_account.put(MAILS)
    mailbox = await imap_account.open()
    entries = (await mailbox.listing()).entries
    imap_account.expunge([0])
    imap_account.append(NEW)
    found = await read(mailbox, entries)
    numbers = [entry.number for entry in entries]
    assert all(found.mails[number] == MAILS[numbers.index(number)] for number in found.mails)
    assert {numbers[place] for place in range(1, 8)} <= set(found.mails)
    imap_account.move([0])
    imap_account.mark([5], DELETED)
    agreed = await mailbox.delete(entries[3:5])
    await mailbox.finish()
    expected = [MAILS[place] for place in range(2, 8) if entries[place] not in agreed]
    assert imap_account.served() == [*expected, NEW]
