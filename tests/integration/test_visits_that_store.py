"""Visits whose mails go into blobs: whatever goes wrong, no blob stays that the ledger does not know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from services.fetcher.flow_control.blob_room import MARGIN
from shared.adapters.sql import open_store, upgrade
from shared.custody.commands import FetchedMail
from shared.model.account import CustodyMode
from shared.model.mailbox import Listed, Listing, MailWhole, RetrieveEvent
from shared.ports.store import LeaseLost, Receipt, StoreUnavailable
from shared.runtime.raw_mail import blob_name
from shared.runtime.unrecorded_blobs import CHECK_AFTER, CHECK_FAILED_AFTER, RECORD_WITHIN, UnrecordedBlobs
from tests.fakes.mailbox import FakeMailbox
from tests.fakes.small_blobs import SmallBlobs
from tests.integration.test_visits import ACCOUNT, World

KIB = 1024
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * 24 * KIB
"""About 400 KiB: more than rides in an event."""
ROOM = MARGIN + 3 * len(LARGE)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    world = World(store, tmp_path / "blobs")
    world.mailbox.mails = {f"uid{number}": LARGE + b"%d" % number for number in range(5)}
    yield world
    await store.close()


async def stored(world: World) -> set[str]:
    return {name async for name in world.blobs.list_names("mail/")}


async def entered(world: World) -> set[str]:
    return {row.blob for row in await world.store.fetcher.ledger_rows(ACCOUNT.id) if row.blob is not None}


def record_by(world: World, monkeypatch: pytest.MonkeyPatch, call: Callable[..., Any]) -> None:
    """Have mails entered by `call`, which is given the store's own method first."""
    own = world.store.fetcher.record_fetched

    async def record(*given: Any) -> Any:
        return await call(own, *given)

    monkeypatch.setattr(world.store.fetcher, "record_fetched", record)


def small(world: World, tmp_path: Path, most: int, *, tells_room: bool) -> SmallBlobs:
    blobs = SmallBlobs(tmp_path / "blobs", most, tells_room=tells_room)
    world.blobs = blobs
    return blobs


async def test_no_more_is_read_than_there_is_room_for_and_the_rest_comes_when_there_is(
    world: World, tmp_path: Path
) -> None:
    blobs = small(world, tmp_path, ROOM + 1000, tells_room=True)
    first = await world.visit()
    assert (first.report.fetched, first.report.failed) == (3, False)
    assert "2 mails are left at the source for now" in (first.report.problem or "")
    assert await stored(world) == await entered(world)
    blobs.most *= 3
    assert (await world.visit()).report.fetched == 2
    assert len(await stored(world)) == 5
    assert await stored(world) == await entered(world)


async def test_small_mails_need_no_room_and_large_ones_ask_once_for_all(world: World, tmp_path: Path) -> None:
    blobs = small(world, tmp_path, MARGIN, tells_room=True)
    world.mailbox.mails |= {f"small{number}": b"small" for number in range(100)}
    visit = await world.visit()
    assert visit.report.fetched == 100
    assert "5 mails are left" in (visit.report.problem or "")
    assert blobs.asked == 1


async def test_without_mail_for_blobs_nobody_asks_for_room(world: World, tmp_path: Path) -> None:
    blobs = small(world, tmp_path, 0, tells_room=True)
    world.mailbox.mails = {f"small{number}": b"small" for number in range(100)}
    assert (await world.visit()).report.fetched == 100
    assert blobs.asked == 0


@pytest.mark.parametrize("custody", [CustodyMode.SOURCE, CustodyMode.SPOOL])
async def test_when_the_disk_is_full_all_the_same_what_is_stored_is_entered(
    world: World, tmp_path: Path, custody: CustodyMode
) -> None:
    """Somebody else writes to the disk, too, or the listing has the sizes wrong."""
    world.account = replace(ACCOUNT, custody=custody)
    small(world, tmp_path, 3 * len(LARGE) + 1000, tells_room=False)
    visit = await world.visit()
    assert visit.report.failed
    assert "full" in (visit.report.problem or "")
    assert len(await stored(world)) == 3
    assert await stored(world) == await entered(world)
    assert world.mailbox.finished == 0
    assert len(world.mailbox.mails) == 5


async def test_a_lease_that_has_passed_on_leaves_no_blob(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_given: Any) -> None:
        raise LeaseLost("the lease has passed on")

    record_by(world, monkeypatch, refuse)
    assert (await world.visit()).report.failed
    assert await stored(world) == set()


async def test_a_mail_that_the_ledger_does_not_take_leaves_no_blob(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take_none(_own: Any, _fence: Any, mails: Sequence[FetchedMail], *_rest: Any) -> list[None]:
        return [None for _ in mails]

    record_by(world, monkeypatch, take_none)
    await world.visit()
    assert world.mailbox.retrieved
    assert await stored(world) == set()


@pytest.mark.parametrize("was_recorded", [True, False])
async def test_where_nobody_knows_whether_it_was_entered_it_is_found_out_later(
    world: World, monkeypatch: pytest.MonkeyPatch, was_recorded: bool
) -> None:
    async def fail(own: Any, *given: Any) -> None:
        if was_recorded:
            await own(*given)
        raise StoreUnavailable("the connection was lost")

    unrecorded = world.unrecorded = UnrecordedBlobs(world.blobs, world.clock)
    record_by(world, monkeypatch, fail)
    assert (await world.visit()).report.failed
    before = await stored(world)
    assert before
    assert await unrecorded.remove_due(world.store.maintenance) == 0
    assert await stored(world) == before
    world.clock.run_on(CHECK_FAILED_AFTER + 1)
    assert await unrecorded.remove_due(world.store.maintenance) == (0 if was_recorded else len(before))
    assert await stored(world) == await entered(world) == (before if was_recorded else set())


async def test_a_visit_that_is_cancelled_leaves_no_blob(world: World) -> None:
    visiting: asyncio.Task[Any] | None = None

    def cancel_at_the_last() -> None:
        if len(world.mailbox.retrieved) == 4 and visiting is not None:
            visiting.cancel()

    world.mailbox.before_each = cancel_at_the_last
    visiting = asyncio.create_task(world.visit())
    with pytest.raises(asyncio.CancelledError):
        await visiting
    assert len(world.mailbox.retrieved) >= 4
    assert await stored(world) == await entered(world)


async def test_a_call_that_is_cancelled_while_it_enters_is_asked_about_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def hang(*_given: Any) -> None:
        asked.set()
        await asyncio.Event().wait()

    unrecorded = world.unrecorded = UnrecordedBlobs(world.blobs, world.clock)
    record_by(world, monkeypatch, hang)
    visiting = asyncio.create_task(world.visit())
    await asked.wait()
    visiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await visiting
    assert await stored(world)
    world.clock.run_on(CHECK_FAILED_AFTER + 1)
    await unrecorded.remove_due(world.store.maintenance)
    assert await stored(world) == set()


async def test_a_blob_that_got_its_name_before_its_commit_failed_goes_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_directory: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("shared.adapters.file_blobs.sync_directory", fail)
    assert (await world.visit()).report.failed
    assert await stored(world) == set()


async def test_the_blob_of_a_mail_that_was_known_before_stays_whatever_happens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mailbox.mails = {"a": LARGE}
    await world.visit()
    known = await entered(world)
    await world.store.maintenance.lose_all("the broker was wiped", world.clock.now())

    async def refuse(*_given: Any) -> None:
        raise LeaseLost("the lease has passed on")

    record_by(world, monkeypatch, refuse)
    assert (await world.visit()).report.failed
    assert await stored(world) == known


async def test_octets_in_blobs_count_in_a_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    async def count(own: Any, fence: Any, mails: Sequence[FetchedMail], *rest: Any) -> list[Receipt | None]:
        sizes.append(len(mails))
        receipts: list[Receipt | None] = await own(fence, mails, *rest)
        return receipts

    world.mailbox.mails = {f"uid{number}": LARGE * 6 + b"%d" % number for number in range(6)}
    record_by(world, monkeypatch, count)
    assert (await world.visit()).report.fetched == 6
    assert sizes == [2, 2, 2]


async def test_a_blob_that_waited_for_too_long_is_not_entered(world: World) -> None:
    """By then it may have been taken for forgotten, and removed."""
    assert RECORD_WITHIN < CHECK_AFTER
    world.mailbox.mails = {"first": LARGE, "late": b"small"}
    world.mailbox.before_each = lambda: (
        world.clock.run_on(RECORD_WITHIN + 1) if world.mailbox.retrieved == ["first"] else None
    )
    await world.visit()
    assert world.mailbox.retrieved == ["first", "late"]
    rows = await world.store.fetcher.ledger_rows(ACCOUNT.id)
    assert [row.key.uid for row in rows] == ["late"]
    assert await stored(world) == set()


async def test_another_mail_under_the_uid_of_a_lost_one_does_not_take_its_blob(world: World) -> None:
    world.mailbox.mails = {"a": b"Subject: one\r\n\r\n" + LARGE}
    await world.visit()
    (name,) = await entered(world)
    before = b"".join([piece async for piece in world.blobs.read(name)])
    await world.store.maintenance.lose_all("the broker was wiped", world.clock.now())
    world.mailbox.mails = {"a": b"Subject: two\r\n\r\n" + LARGE}
    await world.visit()
    assert b"".join([piece async for piece in world.blobs.read(name)]) == before
    await world.visit()
    alive = [row.blob for row in await world.store.fetcher.ledger_rows(ACCOUNT.id)]
    assert len(alive) == 1
    assert alive != [name]
    assert {name, *alive} == await stored(world)


async def test_visits_side_by_side_share_what_is_left(world: World, tmp_path: Path) -> None:
    small(world, tmp_path, MARGIN + 5 * len(LARGE) + 1000, tells_room=True)
    room = world.room
    with room.reserved(4 * len(LARGE)):
        assert (await world.visit()).report.fetched == 1
    assert (await world.visit()).report.fetched == 4


class Nameless(FakeMailbox):
    """A mailbox without UIDL."""

    @override
    async def listing(self, since: str = "") -> Listing:
        listing = await super().listing()
        return replace(listing, entries=[each._replace(uid="") for each in listing.entries], has_uids=False)

    @override
    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        whole = [*self.mails.values()]
        yield [MailWhole(entry, whole[entry.number - 1]) for entry in entries]


async def test_a_mail_that_is_recognised_when_it_is_read_again_keeps_a_blob_of_its_own_name(
    world: World,
) -> None:
    """By which the sweep knows whose it is."""
    world.mailbox = Nameless({"a": LARGE})
    await world.visit()
    await world.store.maintenance.lose_all("the broker was wiped", world.clock.now())
    assert (await world.visit()).report.fetched == 1
    (row,) = await world.store.fetcher.ledger_rows(ACCOUNT.id)
    assert (row.fetch_no, row.blob) == (2, blob_name(row.message))
    assert await stored(world) == {row.blob}
    assert b"".join([piece async for piece in world.blobs.read(row.blob or "")]) == LARGE
