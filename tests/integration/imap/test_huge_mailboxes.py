"""Visits to a mailbox that is listed by ranges of UIDs, with the real ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.sql import open_store, upgrade
from shared.imap import span_listing
from shared.model.mailbox import UidRange
from shared.model.retention import DAY
from shared.ports.store import LedgerRow
from tests.fakes.imap_server import FakeImapSession, ImapServer
from tests.fakes.tagged import tagged_mails
from tests.integration.test_visits import ACCOUNT
from tests.integration.test_visits_over_imap import KEEPS, ImapWorld

MAILS = tagged_mails("mail", 7)


class HugeWorld(ImapWorld):
    """A mailbox of seven mails where three are a span. `rows_read`: how many rows each look at the ledger
    returned, and whether it was about the whole account.
    """

    rows_read: list[tuple[int, bool]]

    def watch(self) -> None:
        """Count what is read of the ledger."""
        self.rows_read = []
        read = self.store.fetcher.ledger_rows

        async def counted(account: str, ranges: Sequence[UidRange] = ()) -> Sequence[LedgerRow]:
            rows = await read(account, ranges)
            self.rows_read.append((len(rows), not ranges))
            return rows

        self.store.fetcher.ledger_rows = counted  # type: ignore[method-assign] # counts

    async def uids(self) -> list[int]:
        rows = await self.store.fetcher.ledger_rows(ACCOUNT.id)
        return sorted(int(each.key.uid) for each in rows)

    async def look_again(self) -> None:
        """Visit a day later, when the mailbox is listed in any case."""
        self.clock.ahead += DAY + 1
        visit = await self.visit()
        assert not visit.report.failed


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HugeWorld]:
    monkeypatch.setattr(span_listing, "PER_SPAN", 3)
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    async with ImapServer({"u": {"INBOX": [mail.raw for mail in MAILS]}}) as server:
        world = HugeWorld(store, tmp_path / "blobs", server)
        world.account = replace(world.account, retention=KEEPS)
        yield world
    await store.close()


async def test_the_daily_listing_holds_one_span_of_the_ledger_at_a_time(world: HugeWorld) -> None:
    await world.fetch(7)
    await world.visit()
    world.watch()
    world.server.commands.clear()
    await world.look_again()
    assert world.rows_read == [(3, False), (3, False), (1, False)]
    assert [each.partition(" (")[0] for each in world.server.commands if "FETCH" in each] == [
        "FETCH 3,6",
        "UID FETCH 1:3",
        "UID FETCH 4:6",
        "UID FETCH 7:*",
    ]
    world.rows_read.clear()
    await world.visit()
    assert world.rows_read == [], "the mailbox is remembered as unchanged"


async def test_new_mail_is_fetched_and_what_is_gone_is_forgotten(world: HugeWorld) -> None:
    await world.fetch(7)
    folder = world.server.folder("u")
    folder.remove({2, 5})
    for mail in tagged_mails("late", 2):
        folder.append(mail.raw)
    await world.fetch(2)
    assert await world.uids() == [1, 3, 4, 6, 7, 8, 9]


async def test_a_mail_that_one_span_leaves_out_is_neither_gone_nor_fetched_again(world: HugeWorld) -> None:
    await world.fetch(7)
    world.server.oddities.hides = {4}
    await world.look_again()
    assert await world.uids() == [1, 2, 3, 4, 5, 6, 7]
    world.server.oddities.hides = ()
    visit = await world.visit()
    assert (visit.report.fetched, visit.report.problem) == (0, None)


async def test_a_mail_that_gets_another_uid_is_recognised(world: HugeWorld) -> None:
    await world.fetch(7)
    folder = world.server.folder("u")
    folder.remove({2})
    folder.append(MAILS[1].raw)
    visit = await world.visit()
    assert (visit.report.fetched, await world.uids()) == (0, [1, 3, 4, 5, 6, 7, 8])


async def test_after_a_change_of_uidvalidity_no_mail_is_fetched_again(world: HugeWorld) -> None:
    await world.fetch(7)
    folder = world.server.folder("u")
    folder.uidvalidity += 1
    visit = await world.visit()
    assert (visit.report.fetched, await world.uids()) == (0, [1, 2, 3, 4, 5, 6, 7])
    assert {row.key.uidvalidity for row in await world.store.fetcher.ledger_rows(ACCOUNT.id)} == {
        folder.uidvalidity
    }


async def test_a_connection_that_breaks_between_two_spans_changes_nothing(world: HugeWorld) -> None:
    await world.fetch(7)
    world.server.folder("u").remove({2})

    def hang_up(session: FakeImapSession) -> bytes:
        if session.command.line.startswith("UID FETCH 5:"):
            session.hang_up()
            return b""
        return session.honest()

    world.server.behaviours["UID FETCH"] = hang_up
    assert (await world.visit()).report.failed
    assert await world.uids() == [1, 2, 3, 4, 5, 6, 7]
    world.server.behaviours.clear()
    assert (await world.visit()).report.fetched == 0
    assert await world.uids() == [1, 3, 4, 5, 6, 7]
