"""Entries of one transaction are one row of the journal, and whoever asks for a mail finds all of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from shared.adapters.sql import rows
from shared.adapters.sql.refold import Refold
from shared.adapters.sql.retention import prune
from shared.adapters.sql.store import SqlStore
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.adapters.sql.verification import Unfoldable
from shared.contract.codec import Undecodable
from shared.contract.erasing import pattern_of
from shared.contract.journal import DeliveryEnded
from shared.ports.store import whole_journal
from tests.fakes.mail_lives import BOB, EVE, LEASE, Lives, mail, outcome, routed

DAY = 86400.0
STAND_IN = "erased-1@erased.invalid"


def _execute(transaction: Transaction, statement: str, values: dict[str, Any]) -> None:
    transaction.connection.execute(text(statement), values)


def _kinds(transaction: Transaction) -> list[str]:
    query = text("SELECT kind FROM journal ORDER BY seq")
    return [*transaction.connection.execute(query).scalars()]


async def kinds(store: SqlStore) -> list[str]:
    """The kinds of the rows of the journal, in order."""
    return await store.runner.read(_kinds)


async def three(lives: Lives) -> list[str]:
    """Three mails that were fetched together and routed together; the first has two recipients."""
    messages = await lives.fetch(*(mail(f"uid {number}") for number in range(3)))
    first, *others = messages
    await lives.route(routed(first, BOB, EVE), *(routed(each, BOB) for each in others))
    return messages


async def story(lives: Lives, message: str) -> list[str]:
    """What happened to a mail, in order."""
    entries = await lives.store.operator.message_journal(message)
    assert {each.message for each in entries} == {message}
    return [each.wire_name.removeprefix("journal.") for each in entries]


async def test_entries_of_a_transaction_are_one_row_and_a_single_one_is_found_by_its_mail(
    lives: Lives, store: SqlStore
) -> None:
    first, second, third = await three(lives)
    await lives.deliver(second)
    assert await kinds(store) == [
        "journal.batch",
        "journal.batch",
        "journal.delivery-begun",
        "journal.delivery-ended",
    ]
    assert await story(lives, second) == ["fetched", "routed", "delivery-begun", "delivery-ended"]
    assert await story(lives, first) == await story(lives, third) == ["fetched", "routed"]
    assert [each.message async for each in whole_journal(store.operator)] == [
        *(first, second, third) * 2,
        *[second] * 2,
    ]
    assert await lives.is_sound()


async def test_rows_of_the_release_before_are_read_beside_batches(
    lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(rows, "LARGEST_BATCH", 0)  # a row for each entry
        first, second = await lives.fetch(mail("uid 1"), mail("uid 2"))
    await lives.route(routed(first, BOB), routed(second, BOB, identity="a copy"))
    with monkeypatch.context() as before:
        before.setattr(rows, "LARGEST_BATCH", 0)
        await lives.deliver(first)
    copy, _ = await lives.fetch(mail("uid 3"), mail("uid 4"))
    await lives.route(routed(copy, BOB, identity="a copy"))
    await lives.deliver(second)
    assert await story(lives, first) == ["fetched", "routed", "delivery-begun", "delivery-ended"]
    assert await story(lives, copy) == ["fetched", "routed", "waiting-resolved"]
    assert await lives.is_sound()
    assert await lives.store.operator.rebuild_tables() == 4
    assert await lives.is_sound()
    assert await story(lives, copy) == ["fetched", "routed", "waiting-resolved"]


async def test_a_batch_keeps_the_others_when_a_mail_is_forgotten(lives: Lives, store: SqlStore) -> None:
    messages = await three(lives)
    for message in messages:
        await lives.deliver(message)
    early, *late = messages
    await store.fetcher.record_gone(lives.fence, {early: "not listed"}, lives.now)
    lives.now += 10 * DAY
    assert (await store.maintenance.prune_messages("", lives.now - DAY, 10)).messages == 1
    assert await story(lives, late[0]) == ["fetched", "routed", "delivery-begun", "delivery-ended"]
    assert early not in [each.message async for each in whole_journal(store.operator)]
    assert await lives.is_sound()
    await store.fetcher.record_gone(lives.fence, dict.fromkeys(late, "not listed"), lives.now)
    assert (await store.maintenance.prune_messages("", lives.now + DAY, 10)).messages == 2
    assert await kinds(store) == []


async def test_processes_that_forget_mails_of_one_batch_at_the_same_time_forget_all_of_them(
    lives: Lives, store: SqlStore, another: Callable[[], SqlStore]
) -> None:
    messages = await lives.fetch(*(mail(f"uid {number}") for number in range(24)))
    await lives.route(*(routed(each, BOB) for each in messages))
    for message in messages:
        await lives.deliver(message)
    *forgotten, kept = messages
    await store.fetcher.record_gone(lives.fence, dict.fromkeys(forgotten, "not listed"), lives.now)
    stores = [store, another()]
    before = lives.now + DAY
    await asyncio.gather(
        *(stores[n % 2].runner.write(prune, None, [each], before) for n, each in enumerate(forgotten))
    )
    assert {each.message async for each in whole_journal(store.operator)} == {kept}
    assert await lives.is_sound()


async def test_mail_is_forgotten_although_its_batch_is_damaged(lives: Lives, store: SqlStore) -> None:
    messages = await three(lives)
    for message in messages:
        await lives.deliver(message)
    await store.fetcher.record_gone(lives.fence, dict.fromkeys(messages, "not listed"), lives.now)
    statement = "UPDATE journal SET body = :body WHERE seq = (SELECT min(seq) FROM journal)"
    await store.runner.write(_execute, statement, {"body": b"no batch"})
    assert (await store.maintenance.prune_messages("", lives.now + DAY, 10)).messages == 3
    assert await kinds(store) == ["journal.batch"]
    [difference] = await store.operator.verify_journal()
    assert "the journal cannot be folded: row" in difference


async def test_an_address_is_erased_in_a_batch_and_others_stay(lives: Lives, store: SqlStore) -> None:
    first, second, third = await three(lives)
    for message in (first, second, third):
        await lives.deliver(message)
    changed = await store.operator.erase_in_mails([first], pattern_of(BOB), STAND_IN)
    assert [each.id for each in changed] == [first]
    assert not await store.operator.mails_mentioning([first], pattern_of(BOB))
    found = await store.operator.mails_mentioning([first, second, third], pattern_of(BOB))
    assert sorted(found) == sorted([second, third])
    assert await story(lives, first) == ["fetched", "routed", "delivery-begun", "delivery-ended"]
    assert await lives.is_sound()


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("UPDATE messages SET journal_batches = '' WHERE id = :id", "journal_batches is  but by the journal"),
        ("UPDATE messages SET journal_batches = journal_batches || '4711 '", "4711  but by the journal"),
        ("DELETE FROM messages WHERE id = :id", "in the journal but not in the table"),
        ("DELETE FROM journal WHERE kind = 'journal.batch'", "is in the table but not in the journal"),
    ],
)
async def test_a_mail_that_does_not_name_its_batches_is_reported_and_mended(
    lives: Lives, store: SqlStore, statement: str, difference: str
) -> None:
    message, *_ = await three(lives)
    values = {"id": message} if ":id" in statement else {}
    await store.runner.write(_execute, statement, values)
    differences = await store.operator.verify_journal()
    assert [each for each in differences if difference in each]
    await store.operator.rebuild_tables()
    assert await lives.is_sound()


@pytest.mark.parametrize("body", [b"no batch", b"\x02later", b"\x01", b"\x01x\x9c"])
async def test_a_damaged_batch_is_named_and_nothing_is_rebuilt(
    lives: Lives, store: SqlStore, body: bytes
) -> None:
    message, *_ = await three(lives)
    statement = "UPDATE journal SET body = :body WHERE seq = (SELECT min(seq) FROM journal)"
    await store.runner.write(_execute, statement, {"body": body})
    differences = await store.operator.verify_journal()
    assert [each for each in differences if "cannot be folded: row" in each]
    with pytest.raises(Unfoldable, match=r"row \d+ of the journal"):
        await store.operator.rebuild_tables()
    with pytest.raises(Undecodable, match=r"row \d+ of the journal"):
        await store.operator.message_journal(message)
    await lives.deliver(message)
    assert (await lives.state(message)).settled_at is not None


async def test_recording_the_same_again_writes_no_row(lives: Lives, store: SqlStore) -> None:
    first, second = await lives.fetch(mail("uid 1"), mail("uid 2"))
    wishes = (routed(first, BOB), routed(second, BOB))
    await lives.route(*wishes)
    before = await kinds(store)
    await lives.route(*wishes)
    assert await kinds(store) == before == ["journal.batch"] * 2


async def test_a_copy_that_was_waiting_is_told_of_in_the_row_of_its_holder(
    lives: Lives, store: SqlStore
) -> None:
    holder = await lives.routed("uid 1", BOB, identity="the same")
    copy = await lives.routed("uid 2", BOB, identity="the same")
    await lives.begin(holder)
    await lives.end(holder, outcome(BOB))
    assert (await kinds(store))[-1] == "journal.batch"
    assert await story(lives, copy) == ["fetched", "routed", "waiting-resolved"]
    lives.now += LEASE
    assert await lives.is_sound()


def _deliver_both(transaction: Transaction, first: str, last: str) -> None:
    work = UnitOfWork(transaction)
    work.load([first, last])
    for each in (first, last):
        delivered = DeliveryEnded(message=each, at=1.0, outcomes=(outcome(BOB),), lease_until=1.0)
        work.apply(delivered)
    work.save()


def _holder_by_journal(transaction: Transaction) -> str:
    refold = Refold(transaction)
    for _ in refold.messages():
        """They are folded before the claims are."""
    [[(_, claim)]] = refold.claims()
    refold.end()
    assert claim is not None
    return claim.holder


async def test_a_claim_is_folded_in_the_order_of_the_entries_of_a_batch(
    lives: Lives, store: SqlStore
) -> None:
    messages = await lives.fetch(mail("uid 1", message="z first"), mail("uid 2", message="a last"))
    await lives.route(*(routed(each, BOB, identity="the same") for each in messages))
    await store.runner.write(_deliver_both, *messages)
    assert await store.runner.write(_holder_by_journal) == "a last"
