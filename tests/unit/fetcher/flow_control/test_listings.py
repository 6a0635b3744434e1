"""How much memory listings take, and whose listing has to wait."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.flow_control.listings import OCTETS_OF_A_LINE, SMALL_PART, ListingMemory
from shared.model.source_errors import ListingPutOff

MOST = 256 * 1024
SMALL = MOST // SMALL_PART
STEP = 700
STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 8), st.booleans()), max_size=400)


def taken(memory: ListingMemory, account: str, octets: int) -> bool:
    """Whether there was room for so much, as it came bit by bit."""
    try:
        for _ in range(octets // STEP):
            memory.take(account, STEP, 0)
    except ListingPutOff:
        return False
    return True


@given(STEPS)
def test_all_but_one_and_the_small_ones_keep_within_the_bound(
    steps: Sequence[tuple[str, int, bool]],
) -> None:
    memory, known = ListingMemory(MOST, dict), dict[str, int]()
    for tenant, number, is_end in steps:
        account = f"{tenant}/{number}"
        if is_end:
            memory.release(account)
            known.pop(account, None)
        elif taken(memory, account, 10 * STEP):
            known[account] = known.get(account, 0) + 10 * STEP
        else:
            known.pop(account, None)
        assert memory.held == sum(known.values())
        rest = sorted(known.values())[:-1]
        assert sum(each for each in rest if each > SMALL) <= MOST + 10 * STEP


def test_eighteen_huge_mailboxes_take_the_room_of_one_and_each_gets_its_turn() -> None:
    memory = ListingMemory(MOST, dict)
    waiting = [f"a/{number}" for number in range(18)]
    rounds = 0
    while waiting:
        rounds += 1
        served = [account for account in waiting if taken(memory, account, 2 * MOST)]
        assert 0 < memory.held <= 2 * MOST + MOST // 2
        for account in served:
            memory.release(account)
            waiting.remove(account)
    assert rounds == 18
    assert memory.held == 0


def test_a_huge_mailbox_keeps_no_small_one_and_no_other_tenant_waiting() -> None:
    memory = ListingMemory(MOST, dict)
    assert taken(memory, "a/huge", 2 * MOST)
    assert taken(memory, "a/small", SMALL)
    assert taken(memory, "b/small", SMALL)
    assert not taken(memory, "b/large", MOST)


def test_one_tenant_gets_half_of_the_room() -> None:
    memory = ListingMemory(MOST, dict)
    large = MOST // 8
    assert [taken(memory, f"a/{number}", large) for number in range(4)] == [True] * 4
    assert taken(memory, "a/beyond", large)
    assert not taken(memory, "a/further", large)
    assert taken(memory, "b/1", large)


def test_mails_that_are_held_take_room_from_listings() -> None:
    memory = ListingMemory(MOST, lambda: {"b": MOST - 2 * SMALL})
    assert taken(memory, "a/1", 3 * SMALL)
    assert not taken(memory, "a/2", 3 * SMALL)


def test_lines_count_more_than_their_octets() -> None:
    memory = ListingMemory(MOST, dict)
    memory.take("a/1", 10, 2)
    assert memory.held == 10 + 2 * OCTETS_OF_A_LINE


def test_without_a_bound_there_is_always_room_and_the_sentence_names_the_setting() -> None:
    assert taken(ListingMemory(0, dict), "a/1", 100 * MOST)
    memory = ListingMemory(MOST, dict)
    taken(memory, "a/1", 2 * MOST)
    with pytest.raises(ListingPutOff, match="process_bytes is 262144"):
        memory.take("a/2", MOST, 0)
