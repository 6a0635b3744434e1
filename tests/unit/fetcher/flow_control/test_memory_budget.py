"""A process holds a bounded amount of mail, and no tenant takes the room of the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.flow_control.memory_budget import COUNT_AGAIN, MemoryBudget
from tests.fakes.clock import ManualClock

HELD = st.dictionaries(st.sampled_from(["acme", "corp", "isp"]), st.integers(0, 1000))


def crowd(held: dict[str, int], most: int) -> MemoryBudget:
    return MemoryBudget(lambda: held, most, ManualClock())


def test_who_fills_the_process_waits_and_who_holds_less_than_his_share_goes_on() -> None:
    full = crowd({"acme": 950, "corp": 50}, 1000)
    assert "this process holds 1000 bytes of mail" in (full.reason("acme") or "")
    assert full.reason("corp") is None
    assert full.reason("newcomer") is None


def test_a_process_that_is_not_full_holds_up_nobody() -> None:
    assert crowd({"acme": 999}, 1000).reason("acme") is None


def test_without_a_bound_nothing_is_counted() -> None:
    assert crowd({"acme": 10**12}, 0).reason("acme") is None


async def test_it_is_counted_now_and_then() -> None:
    held, clock = {"acme": 0}, ManualClock()
    made = MemoryBudget(lambda: dict(held), 1000, clock)
    assert made.reason("acme") is None
    held["acme"] = 1000
    await clock.advance(COUNT_AGAIN)
    assert made.reason("acme") is not None


@given(HELD, st.integers(1, 1000))
def test_in_a_full_process_somebody_waits_and_who_goes_on_holds_less_than_the_bound(
    held: dict[str, int], most: int
) -> None:
    made = crowd(held, most)
    waiting = [tenant for tenant in held if made.reason(tenant)]
    assert bool(waiting) == (sum(held.values()) >= most)
    assert all(held[tenant] < most for tenant in held if tenant not in waiting)
