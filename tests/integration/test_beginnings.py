"""Accounts that begin with a mailbox full of old mail, with the real ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from typing_extensions import override

from services.fetcher.decide.begin import CLOCK_SKEW
from services.fetcher.visit import beginning
from shared.adapters.sql import open_store, upgrade
from shared.model.account import CustodyMode
from shared.model.begin import ALL, NOW, Begin
from shared.model.errors import Fault
from shared.model.mailbox import Listed, Listing
from shared.model.retention import Retention
from shared.net.errors import ConnectionLost
from tests.fakes.mailbox import FakeMailbox
from tests.integration.test_visits import ACCOUNT, PATIENT, World

DAY = timedelta(days=1)


def mail(age: timedelta, text: str = "") -> bytes:
    """A mail that its server received so long ago."""
    received = format_datetime(datetime.now(UTC) - age)
    return f"Received: by pop.test; {received}\r\nSubject: {text}\r\n\r\n{text}\r\n".encode()


def days_ago(days: float) -> Begin:
    return Begin((datetime.now(UTC) - days * DAY).timestamp())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    world = World(store, tmp_path / "blobs")
    world.account = replace(ACCOUNT, begin=NOW)
    yield world
    await store.close()


async def counted(world: World) -> int:
    return (await world.store.operator.skipped_counts()).get(ACCOUNT.id, 0)


async def test_now_leaves_all_that_is_there_and_fetches_what_comes_later(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22"}
    first = await world.visit()
    assert (first.report.fetched, first.report.waiting, first.report.problem) == (0, 0, None)
    assert (first.skipped, await counted(world)) == (2, 2)
    world.mailbox.mails["c"] = mail(400 * DAY, "an old date")
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(1))
    assert (visit.report.fetched, visit.report.deleted, visit.skipped) == (1, 1, 0)
    assert (world.mailbox.retrieved, list(world.mailbox.mails)) == (["c"], ["a", "b"])


@pytest.mark.parametrize("retention", [Retention(0), Retention(7), Retention(None)])
async def test_skipped_mails_are_never_deleted(world: World, retention: Retention) -> None:
    world.account = replace(world.account, retention=retention)
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    world.clock.ahead = 400 * 86400
    visit = await world.visit()
    assert (visit.report.deleted, visit.report.waiting, list(world.mailbox.mails)) == (0, 0, ["a"])


async def test_an_empty_mailbox_begins_too(world: World) -> None:
    await world.visit()
    world.mailbox.mails = {"a": b"1"}
    assert (await world.visit()).report.fetched == 1


async def test_what_the_source_no_longer_shows_is_forgotten(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22"}
    await world.visit()
    del world.mailbox.mails["a"]
    await world.visit()
    assert [each.key.uid for each in await world.store.fetcher.skipped_mails(ACCOUNT.id)] == ["b"]


async def test_with_all_in_place_of_now_the_skipped_mails_are_delivered_once(world: World) -> None:
    world.mailbox.mails = {"a": b"1", "b": b"22"}
    await world.visit()
    world.account = replace(world.account, begin=ALL)
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(2))
    assert (visit.report.fetched, visit.report.deleted, await counted(world)) == (2, 2, 0)


async def test_with_now_in_place_of_all_what_waits_is_still_delivered(world: World) -> None:
    world.account = replace(world.account, begin=ALL)
    await world.visit()
    world.mailbox.mails = {"a": b"1"}
    world.account = replace(world.account, begin=NOW)
    assert (await world.visit()).report.fetched == 1
    assert await counted(world) == 0


async def test_with_now_again_after_all_nothing_is_skipped_any_more(world: World) -> None:
    world.mailbox.mails = {"a": b"1"}
    await world.visit()
    world.account = replace(world.account, begin=ALL)
    world.mailbox.withheld = {"a"}
    await world.visit()
    world.account = replace(world.account, begin=NOW)
    world.mailbox.withheld = set()
    world.clock.ahead = 86400
    assert (await world.visit()).report.fetched == 1


async def test_a_visit_with_all_that_broke_off_has_begun(world: World) -> None:
    """Its mail is in the ledger, so that the rest waited to be delivered, too."""
    world.account = replace(world.account, begin=ALL)
    world.mailbox.mails = {"a": b"1", "b": b"22"}
    world.mailbox.broken_at = "b"
    assert (await world.visit()).report.fetched == 1
    world.account = replace(world.account, begin=NOW)
    world.mailbox.broken_at = None
    assert (await world.visit()).report.fetched == 1
    assert await counted(world) == 0


async def test_a_date_skips_what_was_received_before(world: World) -> None:
    world.account = replace(world.account, begin=days_ago(10))
    world.mailbox.mails = {"old": mail(20 * DAY), "new": mail(5 * DAY), "no date": b"Subject: x\r\n\r\n"}
    visit, _ = await asyncio.gather(world.visit(PATIENT), world.deliver(2))
    assert (visit.report.fetched, visit.skipped, await counted(world)) == (2, 1, 1)
    assert list(world.mailbox.mails) == ["old"]
    world.mailbox.asked_for_headers.clear()
    world.mailbox.mails["late"] = mail(30 * DAY)
    assert (await world.visit()).report.fetched == 1
    assert world.mailbox.asked_for_headers == []


async def test_without_top_a_date_skips_nothing(world: World) -> None:
    world.account = replace(world.account, begin=days_ago(10))
    world.mailbox.mails = {"old": mail(20 * DAY)}
    world.mailbox.has_top = False
    assert (await world.visit()).report.fetched == 1


class BreakingMailbox(FakeMailbox):
    """The connection breaks after so many headers."""

    left = 3

    @override
    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        async for answer in super().headers(entries):
            if not self.left:
                raise ConnectionLost("the connection broke", fault=Fault.SOURCE)
            self.left -= 1
            yield answer


async def test_a_pass_that_breaks_off_is_continued_and_newer_mail_does_not_fall_into_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "DATES_AT_ONCE", 2)
    world.account = replace(world.account, begin=days_ago(10))
    world.mailbox = BreakingMailbox({f"old {n}": mail(20 * DAY, str(n)) for n in range(5)})
    broken = await world.visit()
    assert (broken.report.failed, broken.report.fetched, await counted(world)) == (True, 0, 2)
    world.mailbox.left = 100
    world.mailbox.asked_for_headers.clear()
    world.mailbox.mails["came later"] = mail(30 * DAY, "with an old date")
    visit = await world.visit()
    assert (visit.report.fetched, visit.skipped, await counted(world)) == (1, 3, 5)
    assert world.mailbox.asked_for_headers == ["old 2", "old 3", "old 4"]
    assert world.mailbox.retrieved == ["came later"]


async def test_at_its_deadline_a_visit_leaves_the_other_dates_to_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "DATES_AT_ONCE", 1)
    world.account = replace(world.account, begin=days_ago(10))
    world.mailbox = HurryingMailbox({"old": mail(20 * DAY), "new": mail(5 * DAY), "newer": mail(DAY)})
    world.mailbox.world = world
    first = await world.visit()
    assert (first.report.fetched, first.report.waiting, first.more, await counted(world)) == (0, 2, True, 1)
    assert "2 mails wait" in str(first.report.problem)
    assert (await world.visit()).report.fetched == 2


class HurryingMailbox(FakeMailbox):
    """The first header takes as long as a session may last."""

    world: World
    slow = ACCOUNT.reading.session_deadline

    @override
    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        async for answer in super().headers(entries):
            self.world.clock.run_on(self.slow)
            self.slow = 0.0
            yield answer


class PartialMailbox(FakeMailbox):
    """Its listing is not complete, or has no UIDs."""

    covered: tuple[()] | None = ()
    has_uids = True

    @override
    async def fingerprint(self) -> str:
        return await super().fingerprint() if self.has_uids and self.covered is None else ""

    @override
    async def listing(self, since: str = "") -> Listing:
        listing = await super().listing()
        entries = listing.entries if self.has_uids else [each._replace(uid="") for each in listing.entries]
        partial = replace(listing, entries=entries, has_uids=self.has_uids)
        return partial if self.covered is None else replace(partial, covered=())


async def test_a_listing_that_is_not_complete_begins_nothing_and_nothing_is_fetched(world: World) -> None:
    world.mailbox = mailbox = PartialMailbox({"a": b"1"})
    visit = await world.visit()
    assert (visit.report.failed, visit.report.fetched) == (True, 0)
    assert "does not list all its mails" in str(visit.report.problem)
    mailbox.covered = None
    mailbox.mails["b"] = b"22"
    await world.visit()
    assert (await counted(world), mailbox.retrieved) == (2, [])


async def test_without_uids_old_mail_cannot_be_told_from_new(world: World) -> None:
    world.mailbox = mailbox = PartialMailbox({"a": b"1"})
    mailbox.covered, mailbox.has_uids = None, False
    visit = await world.visit()
    assert (visit.report.failed, visit.report.temporary, visit.report.fetched) == (True, False, 0)
    assert 'with begin = "all" its mail is fetched' in str(visit.report.problem)


async def test_uids_that_go_away_later_do_not_deliver_the_old_mail(world: World) -> None:
    world.mailbox = mailbox = PartialMailbox({"a": b"1"})
    mailbox.covered = None
    await world.visit()
    mailbox.has_uids = False
    assert (await world.visit()).report.failed
    assert mailbox.retrieved == []


async def test_old_mail_under_other_uids_is_still_skipped(world: World) -> None:
    old = {f"old {n}": mail(20 * DAY, "x" * n) for n in range(4)}
    world.mailbox.mails = dict(old)
    await world.visit()
    world.mailbox.mails = {uid.replace("old", "renamed"): raw for uid, raw in old.items()}
    world.mailbox.mails["new"] = mail(timedelta(), "xx")
    visit = await world.visit()
    assert (visit.report.fetched, await counted(world)) == (1, 4)
    assert world.mailbox.retrieved == ["new"]


async def test_another_mail_under_a_skipped_uid_is_delivered(world: World) -> None:
    world.mailbox.mails = {"a": mail(20 * DAY, "old"), "b": mail(20 * DAY, "resized")}
    await world.visit()
    world.mailbox.mails["a"] = mail(timedelta(seconds=CLOCK_SKEW / 2), "another one")
    world.mailbox.listed = {"b": 7}
    visit = await world.visit()
    assert (visit.report.fetched, world.mailbox.retrieved, await counted(world)) == (1, ["a"], 1)


async def test_where_reading_consumes_no_header_of_a_skipped_mail_is_read(world: World) -> None:
    world.account = replace(world.account, custody=CustodyMode.SPOOL)
    world.mailbox.mails = {"a": mail(20 * DAY, "old")}
    await world.visit()
    world.mailbox.mails = {"renamed": mail(20 * DAY, "old")}
    await world.visit()
    assert world.mailbox.asked_for_headers == []


async def test_a_search_for_old_mail_under_other_uids_goes_on_where_it_broke_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "DATES_AT_ONCE", 2)
    old = {f"old {n}": mail(20 * DAY, "x" * n) for n in range(5)}
    world.mailbox = mailbox = BreakingMailbox(dict(old))
    await world.visit()
    mailbox.mails = {uid.replace("old", "renamed"): raw for uid, raw in old.items()}
    assert (await world.visit()).report.failed
    mailbox.left = 3
    visit = await world.visit()
    assert (visit.report.failed, visit.report.fetched, await counted(world)) == (False, 0, 5)
    assert mailbox.retrieved == []
