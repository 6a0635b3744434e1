"""A process holds a bounded amount of mail and listings, and no tenant takes the room of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.flow_control.memory_budget import (
    COUNT_EVERY,
    OCTETS_OF_A_LINE,
    SMALL_PART,
    MemoryBudget,
)
from shared.model.source_errors import ListingPutOff
from tests.fakes.clock import ManualClock

MOST = 256 * 1024
SMALL = MOST // SMALL_PART
STEP = 700
STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 8), st.booleans()), max_size=400)


HELD = st.dictionaries(st.sampled_from(["acme", "corp", "isp"]), st.integers(0, 1000))


def process_with(held: dict[str, int], most: int) -> MemoryBudget:
    return MemoryBudget(lambda: held, most, ManualClock())


def test_a_tenant_that_fills_the_process_waits_and_one_that_holds_less_than_its_share_goes_on() -> None:
    full = process_with({"acme": 950, "corp": 50}, 1000)
    assert "this process holds 1000 bytes of mail" in (full.reason("acme") or "")
    assert full.reason("corp") is None
    assert full.reason("newcomer") is None


def test_a_process_that_is_not_full_delays_no_tenant() -> None:
    assert process_with({"acme": 999}, 1000).reason("acme") is None


def test_without_a_limit_nothing_is_counted() -> None:
    assert process_with({"acme": 10**12}, 0).reason("acme") is None


async def test_it_is_counted_now_and_then() -> None:
    held, clock = {"acme": 0}, ManualClock()
    made = MemoryBudget(lambda: dict(held), 1000, clock)
    assert made.reason("acme") is None
    held["acme"] = 1000
    await clock.advance(COUNT_EVERY)
    assert made.reason("acme") is not None


@given(HELD, st.integers(1, 1000))
def test_in_a_full_process_a_tenant_waits_and_those_that_go_on_hold_less_than_the_limit(
    held: dict[str, int], most: int
) -> None:
    made = process_with(held, most)
    waiting = [tenant for tenant in held if made.reason(tenant)]
    assert bool(waiting) == (sum(held.values()) >= most)
    assert all(held[tenant] < most for tenant in held if tenant not in waiting)


def memory_of(mails_held: Callable[[], Mapping[str, int]], limit: int = MOST) -> MemoryBudget:
    return MemoryBudget(mails_held, limit, ManualClock())


def taken(memory: MemoryBudget, account: str, octets: int) -> bool:
    """Whether there was room for so much, as it came bit by bit."""
    try:
        for _ in range(octets // STEP):
            memory.add_to_listing(account, STEP, 0)
    except ListingPutOff:
        return False
    return True


@given(STEPS)
def test_all_but_one_and_the_small_ones_keep_within_the_bound(
    steps: Sequence[tuple[str, int, bool]],
) -> None:
    memory, known = memory_of(dict), dict[str, int]()
    for tenant, number, is_end in steps:
        account = f"{tenant}/{number}"
        if is_end:
            memory.release_listing(account)
            known.pop(account, None)
        elif taken(memory, account, 10 * STEP):
            known[account] = known.get(account, 0) + 10 * STEP
        else:
            known.pop(account, None)
        assert memory.listing_octets == sum(known.values())
        rest = sorted(known.values())[:-1]
        assert sum(each for each in rest if each > SMALL) <= MOST + 10 * STEP


def test_eighteen_huge_mailboxes_take_the_room_of_one_and_each_gets_its_turn() -> None:
    memory = memory_of(dict)
    waiting = [f"a/{number}" for number in range(18)]
    rounds = 0
    while waiting:
        rounds += 1
        served = [account for account in waiting if taken(memory, account, 2 * MOST)]
        assert 0 < memory.listing_octets <= 2 * MOST + MOST // 2
        for account in served:
            memory.release_listing(account)
            waiting.remove(account)
    assert rounds == 18
    assert memory.listing_octets == 0


def test_a_huge_mailbox_keeps_no_small_one_and_no_other_tenant_waiting() -> None:
    memory = memory_of(dict)
    assert taken(memory, "a/huge", 2 * MOST)
    assert taken(memory, "a/small", SMALL)
    assert taken(memory, "b/small", SMALL)
    assert not taken(memory, "b/large", MOST)


def test_one_tenant_gets_half_of_the_room() -> None:
    memory = memory_of(dict)
    large = MOST // 8
    assert [taken(memory, f"a/{number}", large) for number in range(4)] == [True] * 4
    assert taken(memory, "a/beyond", large)
    assert not taken(memory, "a/further", large)
    assert taken(memory, "b/1", large)


def test_mails_that_are_held_take_room_from_listings() -> None:
    memory = memory_of(lambda: {"b": MOST - 2 * SMALL})
    assert taken(memory, "a/1", 3 * SMALL)
    assert not taken(memory, "a/2", 3 * SMALL)


def test_lines_count_more_than_their_octets() -> None:
    memory = memory_of(dict)
    memory.add_to_listing("a/1", 10, 2)
    assert memory.listing_octets == 10 + 2 * OCTETS_OF_A_LINE


def test_without_a_bound_there_is_always_room_and_the_sentence_names_the_setting() -> None:
    assert taken(memory_of(dict, 0), "a/1", 100 * MOST)
    memory = memory_of(dict)
    taken(memory, "a/1", 2 * MOST)
    with pytest.raises(ListingPutOff, match="memory_limit is 262144"):
        memory.add_to_listing("a/2", MOST, 0)
