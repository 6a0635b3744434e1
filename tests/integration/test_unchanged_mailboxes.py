"""Visits to a mailbox in which nothing has changed, with the real ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.sql import open_store, upgrade
from shared.model.errors import Fault
from shared.model.mailbox import UidRange
from shared.model.retention import DAY, Retention
from shared.net.errors import ConnectFailed
from shared.ports.store import LedgerRow
from tests.integration.test_visits import ACCOUNT, World


class KeptWorld(World):
    """An account whose mail stays at the source. `ledger_reads` counts how often its ledger was read."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type] # as World takes them
        self.account = replace(ACCOUNT, retention=Retention(None))
        self.ledger_reads = 0
        self.rows_read: list[int] = []
        read = self.store.fetcher.ledger_rows

        async def counted(account: str, ranges: Sequence[UidRange] = ()) -> Sequence[LedgerRow]:
            self.ledger_reads += 1
            rows = await read(account, ranges)
            self.rows_read.append(len(rows))
            return rows

        self.store.fetcher.ledger_rows = counted  # type: ignore[method-assign] # counts

    def count_rows(self) -> list[int]:
        """Return a list to which each reading of the ledger adds its number of rows."""
        self.rows_read = []
        return self.rows_read

    async def settle(self, **mails: bytes) -> None:
        """Fetch these mails and deliver them; visit until nothing is left to do."""
        self.mailbox.mails |= mails
        await self.visit()
        await self.deliver(len(mails))
        await self.visit()
        self.forget_counts()

    def forget_counts(self) -> None:
        self.mailbox.listings = self.ledger_reads = 0

    @property
    def looked(self) -> tuple[int, int]:
        """How often the mailbox was listed and the ledger was read."""
        return self.mailbox.listings, self.ledger_reads


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[KeptWorld]:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    yield KeptWorld(store, tmp_path / "blobs")
    await store.close()


async def test_an_unchanged_mailbox_is_neither_listed_nor_compared_with_the_ledger(world: KeptWorld) -> None:
    await world.settle(a=b"1", b=b"2")
    for _ in range(3):
        visit = await world.visit()
        assert (visit.report.failed, visit.report.problem, visit.report.waiting) == (False, None, 0)
    assert world.looked == (0, 0)
    assert world.mailbox.finished == 5


async def test_new_mail_is_fetched_and_then_the_mailbox_is_unchanged_again(world: KeptWorld) -> None:
    await world.settle(a=b"1")
    await world.settle(b=b"2")
    assert world.mailbox.retrieved == ["a", "b"]
    await world.visit()
    assert world.looked == (0, 0)


async def test_a_mail_that_another_client_takes_away_is_noticed(world: KeptWorld) -> None:
    await world.settle(a=b"1", b=b"2")
    del world.mailbox.mails["a"]
    await world.visit()
    assert [row.key.uid for row in await world.store.fetcher.ledger_rows(ACCOUNT.id)] == ["b"]


async def test_a_copy_is_deleted_in_time_though_the_mailbox_is_unchanged(world: KeptWorld) -> None:
    world.account = replace(ACCOUNT, retention=Retention(3))
    await world.settle(a=b"1")
    world.clock.ahead = 3 * DAY + 1
    await world.visit()
    assert world.mailbox.mails == {}


async def test_it_is_listed_after_a_visit_that_failed(world: KeptWorld) -> None:
    await world.settle(a=b"1")
    world.mailbox.mails["b"], world.mailbox.broken_at = b"2", "b"
    assert (await world.visit()).report.failed
    del world.mailbox.mails["b"]
    world.forget_counts()
    await world.visit()
    assert world.looked == (1, 1)


async def test_a_visit_that_did_not_reach_the_mailbox_changes_nothing(world: KeptWorld) -> None:
    await world.settle(a=b"1")
    world.login_error = ConnectFailed("no", fault=Fault.SOURCE)
    assert (await world.visit()).report.failed
    world.login_error = None
    assert not (await world.visit()).report.failed
    assert world.looked == (0, 0)


async def test_it_is_listed_after_a_visit_that_ended_with_its_process(world: KeptWorld) -> None:
    await world.settle(a=b"1")
    now = world.clock.now()
    await world.store.fetcher.lease_these("killed", [ACCOUNT.id], now, now + 1)
    world.clock.ahead = 2
    await world.visit()
    assert world.looked == (1, 1)


async def test_it_is_listed_once_a_day_in_any_case(world: KeptWorld) -> None:
    await world.settle(a=b"1")
    world.clock.ahead = DAY + 1
    await world.visit()
    await world.visit()
    assert world.looked == (1, 1)


async def test_it_is_listed_when_the_account_is_configured_anew(world: KeptWorld) -> None:
    await world.settle(a=b"1")
    world.account = replace(world.account, retention=Retention(0))
    await world.visit()
    assert world.mailbox.mails == {}


async def test_it_is_listed_as_long_as_mail_is_on_its_way(world: KeptWorld) -> None:
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    world.forget_counts()
    await world.visit()
    await world.visit()
    assert world.looked == (2, 2)


async def test_a_mailbox_that_cannot_tell_is_always_listed(world: KeptWorld) -> None:
    world.mailbox.has_fingerprint = False
    await world.settle(a=b"1")
    await world.visit()
    assert world.looked == (1, 1)


async def test_a_mailbox_that_is_emptied_is_unchanged_only_after_its_deletions_were_seen(
    world: KeptWorld,
) -> None:
    world.account = replace(ACCOUNT, retention=Retention(0))
    await world.settle()
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    await world.deliver(1)
    await world.visit()
    await world.visit()
    assert await world.store.fetcher.ledger_rows(ACCOUNT.id) == []
    world.forget_counts()
    await world.visit()
    assert world.looked == (0, 0)


async def test_of_a_mailbox_that_only_grew_the_new_mails_alone_are_listed_and_compared(
    world: KeptWorld,
) -> None:
    await world.settle(a=b"1", b=b"2", c=b"3")
    world.mailbox.lists_later_mails = True
    rows = world.count_rows()
    world.mailbox.mails["d"] = b"4"
    assert (await world.visit()).report.fetched == 1
    await world.deliver(1)
    visit = await world.visit()
    assert (visit.report.waiting, visit.report.problem) == (0, None)
    assert rows == [0, 1]
    world.forget_counts()
    await world.visit()
    assert world.looked == (0, 0)
    assert [*world.mailbox.mails] == ["a", "b", "c", "d"]


async def test_a_new_mail_that_is_taken_away_again_is_noticed_among_the_new_ones(world: KeptWorld) -> None:
    await world.settle(a=b"1", b=b"2")
    world.mailbox.lists_later_mails = True
    world.mailbox.mails["c"] = b"3"
    await world.visit()
    await world.deliver(1)
    del world.mailbox.mails["c"]
    await world.visit()
    assert [row.key.uid for row in await world.store.fetcher.ledger_rows(ACCOUNT.id)] == ["a", "b"]


async def test_where_an_old_mail_went_the_whole_mailbox_is_listed(world: KeptWorld) -> None:
    await world.settle(a=b"1", b=b"2")
    world.mailbox.lists_later_mails = True
    del world.mailbox.mails["a"]
    world.mailbox.mails["c"] = b"3"
    await world.visit()
    assert [row.key.uid for row in await world.store.fetcher.ledger_rows(ACCOUNT.id)] == ["b", "c"]


async def test_an_old_copy_is_deleted_in_time_though_only_new_mails_are_listed(world: KeptWorld) -> None:
    world.account = replace(ACCOUNT, retention=Retention(3))
    await world.settle(a=b"1")
    world.mailbox.lists_later_mails = True
    world.clock.ahead = 2.9 * DAY
    await world.settle(b=b"2")
    world.clock.ahead = 3 * DAY + 60
    await world.visit()
    assert [*world.mailbox.mails] == ["b"]


async def test_what_the_server_wants_to_be_told_is_told_though_the_mailbox_is_unchanged(
    world: KeptWorld,
) -> None:
    await world.settle(a=b"1")
    world.mailbox.server_says = ("pop.example says: your account will be closed",)
    for _ in range(2):
        assert "will be closed" in ((await world.visit()).report.problem or "")
