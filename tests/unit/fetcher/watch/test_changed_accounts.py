"""Visits that open mailboxes lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from services.fetcher.scheduler.account_scheduler import AccountScheduler
from services.fetcher.watch.changed_accounts import LOOK_EVERY, ChangedAccounts
from shared.custody.commands import Fence
from shared.ports.store import FetcherStore, Lease, StoreUnavailable
from tests.fakes.registry import keep, registry_of
from tests.unit.fetcher.watch.test_open_mailboxes import LOST, Scene, account


class Leases:
    """`taken` are the accounts that others hold; `due` is what was set to be visited, and when."""

    def __init__(self) -> None:
        self.away = False
        self.taken: set[str] = set()
        self.fences: dict[str, int] = {}
        self.due: dict[str, float] = {}

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float, *, only_enabled: bool = False
    ) -> Sequence[Lease]:
        self._check()
        return [Lease(Fence(each, 1), until, 0) for each in accounts if each not in self.taken]

    async def make_accounts_due(self, accounts: Sequence[str], now: float) -> None:
        self._check()
        self.due |= dict.fromkeys(accounts, now)

    async def fences_of(self, accounts: Sequence[str]) -> Mapping[str, int]:
        self._check()
        return {each: self.fences[each] for each in accounts if each in self.fences}

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable("the database is away")


class Kept:
    """Sessions of some accounts that are kept, and the database."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.sessions = self.scene.sessions
        self.store = Leases()
        store = cast(FetcherStore, self.store)
        self.registry = registry_of(clock=self.scene.clock)
        scheduler = AccountScheduler(self.registry, store, self.scene.clock, "fetcher")
        self.changed = ChangedAccounts(self.sessions, scheduler, store, self.scene.clock)

    async def keep(self, *names: str) -> None:
        """Keep a session for each, visited under lease 1, which is the last one so far."""
        accounts = {each.id: each for each in map(account, names)}
        keep(self.registry, accounts.values())
        await self.sessions.keep_only(accounts)
        for each in accounts.values():
            self.sessions.note_lease(Fence(each.id, 1))
            self.store.fences[each.id] = 1
            await self.scene.visit(each)

    async def change(self) -> None:
        """Have all mailboxes change."""
        waits = self.sessions.waiting
        for each in self.scene.opened:
            each.changes.set_result(None)
        await asyncio.wait(waits)

    async def lease(self, *busy: str) -> list[str]:
        leases = await self.changed.lease(5, 100.0, busy)
        return [lease.fence.account for lease in leases]


async def test_what_another_process_visits_is_left_to_that() -> None:
    kept = Kept()
    await kept.keep("a", "b")
    await kept.change()
    kept.store.taken = {"acme/b"}
    assert await kept.lease() == ["acme/a"]
    assert kept.sessions.accounts == ["acme/a"]


async def test_what_is_visited_here_is_visited_again_when_that_ends() -> None:
    """The session waits already when the visit gives back its lease; a change meanwhile is not lost."""
    kept = Kept()
    await kept.keep("a")
    await kept.change()
    kept.store.taken = {"acme/a"}
    assert await kept.lease("acme/a") == []
    kept.store.taken = set()
    assert await kept.lease() == ["acme/a"]


async def test_no_change_is_lost_while_the_database_is_away() -> None:
    kept = Kept()
    await kept.keep("a")
    await kept.change()
    kept.store.away = True
    with pytest.raises(StoreUnavailable):
        await kept.lease()
    kept.store.away = False
    assert await kept.lease() == ["acme/a"]


async def test_an_account_whose_session_was_lost_becomes_due_after_its_visit() -> None:
    kept = Kept()
    await kept.keep("a")
    (wait,) = kept.sessions.waiting
    kept.scene.opened[0].changes.set_exception(LOST)
    await asyncio.wait([wait])
    await kept.lease("acme/a")
    assert kept.store.due == {}
    kept.store.away = True
    with pytest.raises(StoreUnavailable):
        await kept.lease()
    kept.store.away = False
    await kept.lease()
    assert kept.store.due == {"acme/a": kept.scene.clock.now() + 60.0}
    assert kept.sessions.lost == {}


async def test_sessions_end_whose_accounts_others_visited_or_an_operator_paused() -> None:
    kept = Kept()
    await kept.keep("visited", "paused", "ours")
    kept.store.fences["acme/visited"] = 2
    del kept.store.fences["acme/paused"]
    looking = asyncio.create_task(kept.changed.run())
    await kept.scene.clock.somebody_sleeps()
    await kept.scene.clock.advance(LOOK_EVERY)
    assert kept.sessions.accounts == ["acme/ours"]
    kept.store.away = True
    await kept.scene.clock.advance(LOOK_EVERY)
    assert not looking.done()
    looking.cancel()


async def test_a_session_that_was_visited_here_while_the_database_answered_stays() -> None:
    kept = Kept()
    await kept.keep("a")
    fences_of = kept.store.fences_of

    async def slowly(accounts: Sequence[str]) -> Mapping[str, int]:
        known = await fences_of(accounts)
        kept.sessions.note_lease(Fence("acme/a", 3))
        return dict.fromkeys(known, 2)

    kept.store.fences_of = slowly  # type: ignore[method-assign] # a database that takes its time
    await kept.changed.end_surplus()
    assert kept.sessions.accounts == ["acme/a"]
