"""Visits that end close together are released together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.fetcher.chores.releasing import Releaser
from shared.custody.commands import Fence
from shared.ports.store import Release, StoreUnavailable, VisitReport


class Leases:
    """Takes releases, one call at a time and each only when it may."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may = asyncio.Semaphore(0)
        self.away = False

    async def release(self, releases: Sequence[Release]) -> None:
        self.batches.append([each.fence.account for each in releases])
        await self.may.acquire()
        if self.away:
            raise StoreUnavailable("the database is away")


def release(account: str) -> Release:
    return Release(Fence(account, 1), VisitReport(), 0.0, 60.0)


async def test_what_ends_while_a_batch_is_written_goes_into_the_next() -> None:
    leases = Leases()
    releaser = Releaser(leases)  # type: ignore[arg-type]  # only this part of the leases is used
    first = asyncio.create_task(releaser.release(release("a")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(releaser.release(release(name))) for name in "bcd"]
    await asyncio.sleep(0)
    leases.may.release()
    await first
    assert not any(each.done() for each in rest)
    leases.may.release()
    await asyncio.gather(*rest)
    assert leases.batches == [["a"], ["b", "c", "d"]]


async def test_whoever_waits_for_a_batch_hears_that_it_failed_and_the_next_goes_on() -> None:
    leases = Leases()
    leases.away = True
    releaser = Releaser(leases)  # type: ignore[arg-type]  # only this part of the leases is used
    waiting = [asyncio.create_task(releaser.release(release(name))) for name in "ab"]
    leases.may.release()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in results] == [StoreUnavailable, StoreUnavailable]
    leases.away = False
    leases.may.release()
    await releaser.release(release("c"))
    assert leases.batches == [["a", "b"], ["c"]]


async def test_a_visit_that_is_given_up_does_not_take_the_release_of_others_with_it() -> None:
    leases = Leases()
    releaser = Releaser(leases)  # type: ignore[arg-type]  # only this part of the leases is used
    given_up, other = (asyncio.create_task(releaser.release(release(name))) for name in "ab")
    await asyncio.sleep(0)
    given_up.cancel()
    leases.may.release()
    await other
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert leases.batches == [["a", "b"]]
