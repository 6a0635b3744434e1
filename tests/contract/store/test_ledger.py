"""What the store promises about the ledger: what was seen at the source, under the fence of the
account's lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from shared.adapters.sql.store import SqlStore
from shared.custody.commands import Fence
from shared.model.mailbox import Place, UidRange
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus
from shared.ports.store import LeaseLost, Release, VisitReport, whole_journal
from tests.fakes.mail_lives import ACCOUNT, BOB, LEASE, Lives, mail


async def test_a_fetched_mail_is_in_the_ledger(lives: Lives) -> None:
    message = await lives.fetched("uid 1", blob="blob-1")
    [row] = await lives.store.fetcher.ledger_rows(ACCOUNT)
    assert (row.message, row.key, row.status, row.fetch_no) == (
        message,
        LedgerKey("INBOX", 0, "uid 1"),
        MessageStatus.FETCHED,
        1,
    )
    assert (row.listed_size, row.octets, row.blob) == (4000, 4096, "blob-1")
    assert (row.first_fetched_at, row.lease_until) == (lives.now, lives.now + LEASE)


async def test_the_ledger_is_of_one_account(lives: Lives) -> None:
    await lives.fetched("uid 1")
    assert await lives.store.fetcher.ledger_rows("acme/other") == []


async def test_the_ledger_is_read_by_ranges_of_uids(lives: Lives) -> None:
    keys = [LedgerKey(*each) for each in (("INBOX", 7, "01"), ("INBOX", 7, "02"), ("INBOX", 7, "03"))]
    keys += [LedgerKey("INBOX", 6, "02"), LedgerKey("Sent", 7, "02")]
    await lives.fetch(*(mail("")._replace(key=key) for key in keys))

    async def read(*ranges: UidRange) -> list[LedgerKey]:
        rows = await lives.store.fetcher.ledger_rows(ACCOUNT, ranges)
        return sorted(row.key for row in rows)

    inbox, sent = Place("INBOX", 7), Place("Sent", 7)
    assert await read(UidRange(inbox, "02")) == keys[1:3]
    assert await read(UidRange(inbox, "01", "02")) == keys[:2]
    assert await read(UidRange(inbox, "04")) == []
    assert await read(UidRange(inbox, "03"), UidRange(sent)) == [keys[2], keys[4]]
    assert await read(UidRange(inbox)) == sorted(keys[:4])
    assert await read() == sorted(keys)


async def test_a_place_at_the_source_holds_one_mail(lives: Lives) -> None:
    await lives.fetched("uid 1")
    assert await lives.fetch(mail("uid 1")) == []
    assert await lives.fetch(mail("uid 2"), mail("uid 2"), mail("uid 3")) != []
    assert [
        row.key.uid for row in sorted(await lives.store.fetcher.ledger_rows(ACCOUNT), key=lambda row: row.key)
    ] == [
        "uid 1",
        "uid 2",
        "uid 3",
    ]
    assert await lives.is_sound()


async def test_the_same_uid_in_another_folder_or_after_a_renumbering_is_another_mail(lives: Lives) -> None:
    await lives.fetched("uid 1")
    elsewhere = mail("")._replace(key=LedgerKey("Spam", 0, "uid 1"))
    renumbered = mail("")._replace(key=LedgerKey("INBOX", 7, "uid 1"))
    assert len(await lives.fetch(elsewhere, renumbered)) == 2


async def test_a_mail_is_fetched_again_under_the_next_number(lives: Lives) -> None:
    message = await lives.fetched("uid 1")
    lives.now += LEASE
    receipts = await lives.store.fetcher.record_fetched(
        lives.fence, [mail("uid 1", message=message, known=1)], lives.now, LEASE
    )
    assert [receipt and receipt.fetch_no for receipt in receipts] == [2]
    [row] = await lives.store.fetcher.ledger_rows(ACCOUNT)
    assert (row.fetch_no, row.lease_until) == (2, lives.now + LEASE)


async def test_a_mail_whose_row_has_moved_on_gets_no_receipt(lives: Lives) -> None:
    message = await lives.fetched("uid 1")
    await lives.fetch_again(message, "uid 1", known=1)
    assert await lives.fetch_again(message, "uid 1", known=1) == []
    assert await lives.fetch_again(message, "uid 1", known=0) == []


async def test_a_settled_mail_is_not_fetched_again(lives: Lives) -> None:
    message = await lives.settled("uid 1")
    assert await lives.fetch_again(message, "uid 1", known=1) == []


async def test_a_mail_that_is_gone_leaves_its_place(lives: Lives) -> None:
    message = await lives.settled("uid 1")
    await lives.store.fetcher.record_gone(lives.fence, {message: "not listed"}, lives.now)
    assert await lives.store.fetcher.ledger_rows(ACCOUNT) == []
    successor = await lives.fetched("uid 1")
    [row] = await lives.store.fetcher.ledger_rows(ACCOUNT)
    assert row.message == successor
    assert await lives.is_sound()


async def test_receipts_come_in_the_order_of_the_mails(lives: Lives) -> None:
    known = await lives.fetched("uid 1")
    mails = [mail("uid 3"), mail("uid 1"), mail("uid 2")]
    receipts = await lives.store.fetcher.record_fetched(lives.fence, mails, lives.now, LEASE)
    assert [receipt.message if receipt else None for receipt in receipts] == [
        mails[0].message,
        None,
        mails[2].message,
    ]
    assert known not in {mails[0].message, mails[2].message}


async def test_nothing_is_fetched_for_none(lives: Lives) -> None:
    assert await lives.store.fetcher.record_fetched(lives.fence, [], lives.now, LEASE) == []


async def test_a_very_long_uid_comes_back_whole_and_is_told_from_others_that_begin_like_it(
    lives: Lives,
) -> None:
    beginning = "x" * 5000
    await lives.fetched(beginning + "1")
    await lives.fetched(beginning + "2")
    assert await lives.fetch(mail(beginning + "1")) == []
    assert {row.key.uid for row in await lives.store.fetcher.ledger_rows(ACCOUNT)} == {
        beginning + "1",
        beginning + "2",
    }
    assert len(await lives.store.operator.find_messages(beginning + "1", 10)) == 1
    assert await lives.is_sound()


async def test_deletion_is_allowed_only_for_what_is_settled(lives: Lives) -> None:
    settled, routed = await lives.settled("uid 1"), await lives.routed("uid 2")
    allowed = await lives.store.fetcher.start_deleting(lives.fence, [routed, settled, "unknown"], lives.now)
    assert allowed == [settled]
    assert (await lives.state(settled)).status is MessageStatus.DELETING
    assert (await lives.state(routed)).status is MessageStatus.ROUTED


async def test_deletion_may_be_allowed_twice(lives: Lives) -> None:
    settled = await lives.settled("uid 1")
    await lives.store.fetcher.start_deleting(lives.fence, [settled], lives.now)
    assert await lives.store.fetcher.start_deleting(lives.fence, [settled], lives.now + 1) == [settled]
    assert [entry.wire_name for entry in await lives.store.operator.message_journal(settled)].count(
        "journal.deleting"
    ) == 1


async def test_the_settled_are_found_among_others(lives: Lives) -> None:
    settled, deleting, routed = await lives.settled("1"), await lives.settled("2"), await lives.routed("3")
    await lives.store.fetcher.start_deleting(lives.fence, [deleting], lives.now)
    assert set(await lives.store.fetcher.settled_among([settled, deleting, routed, "unknown"])) == {
        settled,
        deleting,
    }
    assert await lives.store.fetcher.settled_among([]) == []


async def test_nothing_is_written_without_the_lease(lives: Lives) -> None:
    settled = await lives.settled("uid 1")
    before = [entry async for entry in whole_journal(lives.store.operator)]
    stale = Fence(lives.fence.account, lives.fence.number - 1)
    for fence in (stale, Fence("unknown", 1)):
        with pytest.raises(LeaseLost):
            await lives.store.fetcher.record_fetched(fence, [mail("uid 2")], lives.now, LEASE)
        with pytest.raises(LeaseLost):
            await lives.store.fetcher.start_deleting(fence, [settled], lives.now)
        with pytest.raises(LeaseLost):
            await lives.store.fetcher.record_gone(fence, {settled: "not listed"}, lives.now)
    assert [entry async for entry in whole_journal(lives.store.operator)] == before


async def test_a_process_that_slept_past_its_lease_can_write_no_more(lives: Lives) -> None:
    mine = lives.fence
    lives.now += 2_000_000
    await lives.lease("another process")
    with pytest.raises(LeaseLost):
        await lives.store.fetcher.record_fetched(mine, [mail("uid 1")], lives.now, LEASE)


async def test_a_released_lease_allows_nothing_any_more(lives: Lives) -> None:
    await lives.store.fetcher.release_leases([Release(lives.fence, VisitReport(), lives.now, lives.now)])
    with pytest.raises(LeaseLost):
        await lives.fetched("uid 1")


async def test_the_lease_of_one_account_does_not_reach_the_mails_of_another(lives: Lives) -> None:
    settled = await lives.settled("uid 1")
    open_mail = await lives.fetched("uid 2")
    await lives.lease(account="acme/other")
    assert await lives.store.fetcher.start_deleting(lives.fence, [settled], lives.now) == []
    await lives.store.fetcher.record_gone(lives.fence, {settled: "not listed"}, lives.now)
    assert await lives.fetch_again(open_mail, "uid 2") == []
    assert (await lives.state(settled)).status is MessageStatus.SETTLED


async def test_of_two_that_enter_the_same_mail_at_once_one_gets_a_receipt(
    lives: Lives, another: Callable[[], SqlStore]
) -> None:
    stores = [lives.store, another()]
    for n in range(5):
        calls = [
            each.fetcher.record_fetched(lives.fence, [mail(f"uid {n}")], lives.now, LEASE) for each in stores
        ]
        receipts = [receipt for result in await asyncio.gather(*calls) for receipt in result if receipt]
        assert len(receipts) == 1


async def _leased(lives: Lives, *accounts: str) -> list[Fence]:
    """The fences of further accounts."""
    fences = []
    for account in accounts:
        await lives.lease(account=account)
        fences.append(lives.fence)
    return fences


async def test_what_many_visits_record_at_once_is_kept_apart(lives: Lives) -> None:
    store = lives.store
    fences = await _leased(lives, *(f"acme/box {n}" for n in range(20)))
    stale = fences[7]
    await lives.store.fetcher.release_leases([Release(stale, VisitReport(), lives.now, lives.now)])
    calls = [
        store.fetcher.record_fetched(fence, [mail("uid 1"), mail("uid 2")], lives.now, LEASE)
        for fence in fences
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for fence, answer in zip(fences, answers, strict=True):
        rows = await store.fetcher.ledger_rows(fence.account)
        if fence is stale:
            assert isinstance(answer, LeaseLost)
            assert rows == []
            continue
        assert not isinstance(answer, BaseException)
        assert {receipt.message for receipt in answer if receipt} == {row.message for row in rows}
        assert sorted(row.key.uid for row in rows) == ["uid 1", "uid 2"]
    assert await lives.is_sound()


async def test_of_two_at_once_that_enter_the_same_mail_by_one_store_one_gets_a_receipt(lives: Lives) -> None:
    calls = [
        lives.store.fetcher.record_fetched(lives.fence, [mail("uid 1")], lives.now, LEASE) for _ in range(3)
    ]
    receipts = [receipt for result in await asyncio.gather(*calls) for receipt in result]
    assert len([each for each in receipts if each is not None]) == 1
    assert len(await lives.store.fetcher.ledger_rows(lives.fence.account)) == 1


async def test_what_many_visits_delete_and_miss_at_once_is_kept_apart(lives: Lives) -> None:
    store = lives.store
    settled, missed = [], []
    fences = await _leased(lives, *(f"acme/box {n}" for n in range(5)))
    for lives.fence in fences:
        settled.append(await lives.settled("uid 1"))
        missed.append(await lives.settled("uid 2"))
    await store.fetcher.release_leases([Release(fences[0], VisitReport(), lives.now, lives.now)])
    deletions = [
        store.fetcher.start_deleting(fence, [*settled, each], lives.now)
        for fence, each in zip(fences, settled, strict=True)
    ]
    allowed = await asyncio.gather(*deletions, return_exceptions=True)
    assert isinstance(allowed[0], LeaseLost)
    assert allowed[1:] == [[each] for each in settled[1:]]
    absences = [
        store.fetcher.record_gone(fence, {each: "not listed"}, lives.now)
        for fence, each in zip(fences, missed, strict=True)
    ]
    told = await asyncio.gather(*absences, return_exceptions=True)
    assert isinstance(told[0], LeaseLost)
    assert told[1:] == [None] * 4
    assert [(await lives.state(each)).gone_at is not None for each in missed] == [False, *[True] * 4]
    assert await lives.is_sound()


async def test_who_has_seen_a_later_mark_deletes_nothing_while_others_do(lives: Lives) -> None:
    first, second = await lives.settled("uid 1"), await lives.settled("uid 2")
    none, one = await asyncio.gather(
        lives.store.fetcher.start_deleting(lives.fence, [first], lives.now, mark=1_000_000),
        lives.store.fetcher.start_deleting(lives.fence, [second], lives.now),
    )
    assert (list(none), list(one)) == ([], [second])
    assert (await lives.state(first)).status is MessageStatus.SETTLED


async def test_what_waits_to_be_recorded_is_recorded_before_the_store_is_closed(
    lives: Lives, another: Callable[[], SqlStore]
) -> None:
    closing = another()
    calls = [
        asyncio.create_task(closing.fetcher.record_fetched(lives.fence, [mail(f"uid {n}")], lives.now, LEASE))
        for n in range(3)
    ]
    await asyncio.sleep(0)
    await closing.close()
    assert all(receipt for result in await asyncio.gather(*calls) for receipt in result)


async def test_whatever_was_in_flight_can_be_declared_lost(lives: Lives) -> None:
    fetched, routed, settled = await lives.fetched("1"), await lives.routed("2"), await lives.settled("3")
    await lives.begin(routed)
    assert await lives.store.maintenance.lose_all("the broker was emptied", lives.now) == 2
    states = [(await lives.state(each)).status for each in (fetched, routed, settled)]
    assert states == [MessageStatus.LOST, MessageStatus.LOST, MessageStatus.SETTLED]
    recipient = (await lives.state(routed)).recipients[BOB]
    assert (recipient.status, recipient.in_doubt) == (RecipientStatus.OPEN, 1)
    assert await lives.store.maintenance.lose_all("once more", lives.now) == 0
    assert await lives.is_sound()


async def test_much_can_be_lost_at_once(lives: Lives) -> None:
    mails = [mail(f"uid {n}") for n in range(2500)]
    await lives.store.fetcher.record_fetched(lives.fence, mails, lives.now, LEASE)
    assert await lives.store.maintenance.lose_all("the broker was emptied", lives.now) == 2500
