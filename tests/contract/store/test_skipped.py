"""What the store remembers of mails that were there before their account began."""

from __future__ import annotations

import pytest

from shared.adapters.sql.store import SqlStore
from shared.custody.commands import Fence
from shared.model.message import LedgerKey
from shared.ports.store import Lease, LeaseLost, Release, Schedule, SkippedMail, TracedSkip, VisitReport
from tests.fakes.mail_lives import ACCOUNT, Lives

NOW = 1000.0
LATER = NOW + 60


def skipped(uid: str, *, decided: bool = True, uidvalidity: int = 0) -> SkippedMail:
    return SkippedMail(LedgerKey("INBOX", uidvalidity, uid), 4000, NOW, decided)


async def leased(store: SqlStore, account: str = ACCOUNT) -> Lease:
    await store.fetcher.sync_accounts([Schedule(account, 60.0, enabled=True)], NOW)
    [lease] = await store.fetcher.lease_these("me", [account], NOW, LATER)
    return lease


async def released(store: SqlStore, lease: Lease, report: VisitReport) -> Lease:
    """The next lease, after a visit with this report."""
    await store.fetcher.release_leases([Release(lease.fence, report, NOW, NOW)])
    return await leased(store, lease.fence.account)


async def test_what_was_entered_is_read_again_and_counted(store: SqlStore) -> None:
    mails = [skipped("a"), skipped("b", uidvalidity=7), skipped("c", decided=False)]
    await store.fetcher.record_skipped((await leased(store)).fence, mails, began="now")
    await store.fetcher.record_skipped((await leased(store, "acme/other")).fence, [skipped("a")], began="now")
    assert sorted(await store.fetcher.skipped_mails(ACCOUNT)) == sorted(mails)
    assert await store.operator.skipped_counts() == {ACCOUNT: 2, "acme/other": 1}
    assert await store.fetcher.ledger_rows(ACCOUNT) == []
    counts = await store.operator.account_counts([ACCOUNT, "acme/other"])
    assert [(each.in_flight, each.skipped) for each in counts.values()] == [(0, 2), (0, 1)]
    assert await store.operator.verify_journal() == []


async def test_mails_are_changed_by_their_key_and_forgotten(store: SqlStore) -> None:
    fence = (await leased(store)).fence
    await store.fetcher.record_skipped(fence, [skipped("a", decided=False), skipped("b", decided=False)])
    await store.fetcher.record_skipped(
        fence, [skipped("a")], forget=[skipped("b").key, skipped("never there").key]
    )
    assert await store.fetcher.skipped_mails(ACCOUNT) == [skipped("a")]


async def test_a_mail_found_under_another_uid_takes_the_place_of_its_row(store: SqlStore) -> None:
    fence = (await leased(store)).fence
    await store.fetcher.record_skipped(fence, [skipped("old")])
    await store.fetcher.record_skipped(fence, [skipped("new")], forget=[skipped("old").key])
    assert await store.fetcher.skipped_mails(ACCOUNT) == [skipped("new")]


async def test_that_an_account_began_is_given_with_each_later_lease(store: SqlStore) -> None:
    lease = await leased(store)
    assert lease.began is None
    await store.fetcher.record_skipped(lease.fence, [skipped("a")], began="2026-11-01")
    again = await released(store, lease, VisitReport("it broke off", failed=True))
    assert again.began == "2026-11-01"
    assert (await released(store, again, VisitReport())).began == "2026-11-01"


async def test_an_account_that_was_visited_in_order_without_it_began_with_all(store: SqlStore) -> None:
    lease = await leased(store)
    failed = await released(store, lease, VisitReport("the login was refused", failed=True))
    assert failed.began is None
    assert (await released(store, failed, VisitReport())).began == "all"


async def test_an_account_of_which_the_ledger_has_mail_began_with_all(lives: Lives) -> None:
    """A process of the release before entered it, and its visit broke off."""
    await lives.fetched("uid 1")
    report = VisitReport("it broke off", failed=True)
    await lives.store.fetcher.release_leases([Release(lives.fence, report, lives.now, lives.now)])
    [lease] = await lives.store.fetcher.lease_these("me", [ACCOUNT], lives.now, lives.now + 60)
    assert lease.began == "all"


async def test_nothing_is_entered_under_a_lease_that_has_passed_on(store: SqlStore) -> None:
    lease = await leased(store)
    stale = Fence(ACCOUNT, lease.fence.number - 1)
    with pytest.raises(LeaseLost):
        await store.fetcher.record_skipped(stale, [skipped("a")], began="now")
    assert await store.fetcher.skipped_mails(ACCOUNT) == []
    assert (await released(store, lease, VisitReport(failed=True))).began is None


async def test_a_skipped_mail_is_found_by_its_uid_with_what_began(store: SqlStore) -> None:
    fence = (await leased(store)).fence
    await store.fetcher.record_skipped(fence, [skipped("a"), skipped("0000004711")], began="now")
    found = await store.operator.find_skipped(["4711", "0000004711"], 10)
    assert found == [TracedSkip(ACCOUNT, skipped("0000004711"), "now")]
    assert await store.operator.find_skipped(["nothing"], 10) == []


async def test_odd_names_are_kept(store: SqlStore) -> None:
    odd = SkippedMail(LedgerKey("Entwürfe", 2**32, "ü\\\"'{},~"), 2**40, NOW + 0.5)
    await store.fetcher.record_skipped((await leased(store)).fence, [odd])
    assert await store.fetcher.skipped_mails(ACCOUNT) == [odd]


async def test_thousands_of_mails_are_entered_at_once(store: SqlStore) -> None:
    mails = [skipped(f"uid {number:05d}") for number in range(5000)]
    await store.fetcher.record_skipped((await leased(store)).fence, mails, began="now")
    assert sorted(await store.fetcher.skipped_mails(ACCOUNT)) == mails


async def test_mails_that_another_program_delivered_are_skipped_once_the_account_is_visited(
    store: SqlStore,
) -> None:
    keys = [LedgerKey("INBOX", 0, "a"), LedgerKey("Entwürfe", 2**32 - 1, "0000000017")]
    assert await store.operator.import_known_mails(ACCOUNT, keys, NOW)
    lease = await leased(store)
    assert lease.began == "now"
    assert sorted(await store.fetcher.skipped_mails(ACCOUNT)) == sorted(
        SkippedMail(each, 0, NOW, decided=True) for each in keys
    )
    assert await store.operator.verify_journal() == []


async def test_known_mails_can_be_imported_again_and_in_parts_until_the_first_visit(store: SqlStore) -> None:
    first, second = LedgerKey("INBOX", 0, "a"), LedgerKey("INBOX", 0, "b")
    assert await store.operator.import_known_mails(ACCOUNT, [first], NOW)
    assert await store.operator.import_known_mails(ACCOUNT, [first], LATER)
    assert await store.operator.import_known_mails(ACCOUNT, [second], LATER)
    assert {each.key for each in await store.fetcher.skipped_mails(ACCOUNT)} == {first, second}


async def test_an_account_that_a_configuration_named_before_takes_known_mails(store: SqlStore) -> None:
    await store.fetcher.sync_accounts([Schedule(ACCOUNT, 60.0, enabled=True)], NOW)
    assert await store.operator.import_known_mails(ACCOUNT, [LedgerKey("INBOX", 0, "a")], NOW)
    assert (await leased(store)).began == "now"


async def test_an_account_with_known_mails_is_visited_only_once_it_is_configured(store: SqlStore) -> None:
    await store.operator.import_known_mails(ACCOUNT, [LedgerKey("INBOX", 0, "a")], NOW)
    assert await store.fetcher.lease_due("me", LATER, LATER + 60, 10) == []
    await store.fetcher.sync_accounts([Schedule(ACCOUNT, 60.0, enabled=True)], LATER)
    assert len(await store.fetcher.lease_due("me", LATER, LATER + 60, 10)) == 1


async def test_an_account_that_was_visited_takes_no_known_mails(store: SqlStore) -> None:
    await released(store, await leased(store), VisitReport())
    assert not await store.operator.import_known_mails(ACCOUNT, [LedgerKey("INBOX", 0, "a")], LATER + 1)
    assert await store.fetcher.skipped_mails(ACCOUNT) == []


async def test_an_account_that_is_being_visited_takes_no_known_mails(store: SqlStore) -> None:
    await leased(store)
    assert not await store.operator.import_known_mails(ACCOUNT, [LedgerKey("INBOX", 0, "a")], NOW)
    assert await store.operator.import_known_mails(ACCOUNT, [LedgerKey("INBOX", 0, "a")], LATER + 1)


async def test_an_account_of_which_the_ledger_has_mail_takes_no_known_mails(lives: Lives) -> None:
    await lives.fetched("uid 1")
    report = VisitReport("it broke off", failed=True)
    await lives.store.fetcher.release_leases([Release(lives.fence, report, lives.now, lives.now)])
    key = LedgerKey("INBOX", 0, "a")
    assert not await lives.store.operator.import_known_mails(ACCOUNT, [key], lives.now)


async def test_an_account_that_began_with_all_mail_takes_no_known_mails(store: SqlStore) -> None:
    lease = await leased(store)
    await store.fetcher.record_skipped(lease.fence, began="all")
    await released(store, lease, VisitReport("it broke off", failed=True))
    assert not await store.operator.import_known_mails(ACCOUNT, [LedgerKey("INBOX", 0, "a")], LATER + 1)


async def test_thousands_of_known_mails_are_imported_at_once(store: SqlStore) -> None:
    keys = [LedgerKey("INBOX", 0, f"uid {number:05d}") for number in range(5000)]
    assert await store.operator.import_known_mails(ACCOUNT, keys, NOW)
    assert await store.operator.skipped_counts() == {ACCOUNT: 5000}
