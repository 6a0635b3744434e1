"""Which leased accounts are visited, and what becomes of the leases of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from services.fetcher.scheduler.account_scheduler import UNUSABLE_ACCOUNT_DISTANCE, AccountScheduler
from shared.custody.commands import Fence
from shared.model.account import MailboxKind, Routing
from shared.model.hosts import NO_LIMITS
from shared.model.spec import Kind, Spec
from shared.ports.store import FetcherStore, Lease, Release, StoreUnavailable
from shared.runtime.registry import Registry
from tests.fakes.clock import ManualClock
from tests.fakes.mails import account
from tests.fakes.registry import EmptyRegistryStore, OpenBox, keep

GOOD = "acme/all"


class Leases:
    """Leases `names`. `released` and `returned` are the ends of leases; `away`: the database is away then."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.released: list[Release] = []
        self.returned: dict[Fence, float] = {}
        self.away = False

    async def lease_due(self, owner: str, now: float, until: float, *_: object) -> Sequence[Lease]:
        return [Lease(Fence(name, 1), until, failures=0) for name in self.names]

    async def release_leases(self, releases: Sequence[Release]) -> None:
        if self.away:
            raise StoreUnavailable("away")
        self.released += releases

    async def return_leases(self, fences: Mapping[Fence, float], due_at: float) -> None:
        if self.away:
            raise StoreUnavailable("away")
        self.returned |= fences


class AwayStore(EmptyRegistryStore):
    away = False

    async def specs(self, kind: Kind, ids: Sequence[str]) -> Sequence[Spec]:
        if self.away:
            raise StoreUnavailable("away")
        return await super().specs(kind, ids)


def scheduler(leases: Leases) -> tuple[AccountScheduler, Registry, AwayStore, ManualClock]:
    clock, store = ManualClock(), AwayStore()
    registry = Registry(store, OpenBox(), clock, {})
    keep(registry, [account(Routing(MailboxKind.SINGLE))])
    return AccountScheduler(registry, cast(FetcherStore, leases), clock, "me"), registry, store, clock


async def leased(accounts: AccountScheduler) -> list[str]:
    return [each.fence.account for each in await accounts.lease_due(9.0, 10, NO_LIMITS)]


async def test_an_account_that_cannot_be_used_is_red_with_the_sentence_and_the_others_are_visited() -> None:
    leases = Leases("acme/broken", GOOD)
    accounts, registry, _, clock = scheduler(leases)
    registry.accounts.put("acme/broken", "its target is gone")
    assert await leased(accounts) == [GOOD]
    (end,) = leases.released
    assert (end.fence.account, end.report.problem, end.report.failed) == (
        "acme/broken",
        "its target is gone",
        True,
    )
    assert end.due_at == clock.now() + UNUSABLE_ACCOUNT_DISTANCE


async def test_the_lease_of_an_account_that_is_not_in_the_registry_is_returned() -> None:
    leases = Leases("acme/nobody", GOOD)
    accounts, *_ = scheduler(leases)
    assert await leased(accounts) == [GOOD]
    assert leases.returned == {Fence("acme/nobody", 1): 0.0}


async def test_the_others_are_visited_where_a_lease_cannot_be_ended() -> None:
    leases = Leases("acme/broken", "acme/nobody", GOOD)
    accounts, registry, *_ = scheduler(leases)
    registry.accounts.put("acme/broken", "its target is gone")
    await registry.load(["acme/nobody"])
    leases.away = True
    assert await leased(accounts) == [GOOD]


async def test_accounts_that_could_not_be_read_do_not_stay_leased() -> None:
    leases = Leases("acme/new", GOOD)
    accounts, _, store, _ = scheduler(leases)
    store.away = True
    with pytest.raises(StoreUnavailable):
        await leased(accounts)
    store.away, leases.names = False, ()
    assert await leased(accounts) == []
    assert leases.returned == {Fence("acme/new", 1): 0.0, Fence(GOOD, 1): 0.0}
    leases.returned.clear()
    assert await leased(accounts) == []
    assert leases.returned == {}
