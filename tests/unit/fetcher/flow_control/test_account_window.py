"""How much of an account's mail may be on its way at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.choice import Wanted
from services.fetcher.flow_control.account_window import AccountWindow
from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.recently_published import STANDING
from services.fetcher.flow_control.tenant_quota import NARROW, QuotaLimit
from services.fetcher.flow_control.tenant_quotas import TenantQuotas
from shared.model.mailbox import Listed
from shared.model.message import LedgerKey
from tests.fakes.clock import ManualClock


def wanted(*sizes: int) -> list[Wanted]:
    return [
        Wanted(Listed(str(n), n, size), LedgerKey("INBOX", 0, str(n)))
        for n, size in enumerate(sizes, start=1)
    ]


def tenants_within(messages: int = 0, octets: int = 0) -> TenantQuotas:
    return TenantQuotas(ManualClock(), QuotaLimit(messages, octets))


def window_of(
    messages: int,
    octets: int,
    already: Sequence[int] = (),
    tenants: TenantQuotas | None = None,
    account: str = "acme/bob",
) -> AccountWindow:
    return AccountWindow(
        QuotaLimit(messages, octets),
        tenants or tenants_within(),
        tenant="acme",
        account=account,
        already={f"{account} earlier {n}": each for n, each in enumerate(already)},
        watch=PendingSet(),
    )


def test_a_portion_is_bounded_by_the_number_of_mails() -> None:
    assert len(window_of(2, 1000).portion(wanted(1, 1, 1))) == 2


def test_a_portion_is_bounded_by_its_octets() -> None:
    assert len(window_of(10, 1000).portion(wanted(400, 400, 400))) == 2


def test_a_mail_larger_than_the_window_passes_alone() -> None:
    assert len(window_of(10, 1000).portion(wanted(5000, 1))) == 1


def test_a_full_window_lets_nothing_pass() -> None:
    window = window_of(1, 1000)
    window.enter("a", 10)
    assert window.is_full
    assert window.portion(wanted(1)) == ()


def test_mails_of_earlier_visits_count() -> None:
    assert window_of(2, 1000, [10, 10]).is_full
    assert window_of(9, 1000, [1000]).is_full


def test_a_mail_that_arrived_makes_room() -> None:
    window = window_of(1, 1000)
    window.enter("a", 1000)
    window.leave(["a", "unknown"])
    assert not window.is_full
    window.leave(["a"])
    assert len(window.portion(wanted(1, 1))) == 1


@given(st.lists(st.integers(0, 2000), max_size=20), st.integers(1, 10), st.integers(1, 5000))
def test_a_portion_is_a_beginning_that_fits(sizes: list[int], messages: int, octets: int) -> None:
    waiting = wanted(*sizes)
    portion = window_of(messages, octets).portion(waiting)
    assert list(portion) == waiting[: len(portion)]
    assert len(portion) <= messages
    assert len(portion) <= 1 or sum(each.entry.size for each in portion) <= octets
    assert portion or not waiting


def test_all_accounts_of_a_tenant_share_its_window() -> None:
    tenants = tenants_within(3)
    first, second = (window_of(9, 1000, tenants=tenants, account=f"acme/{name}") for name in ("amy", "bob"))
    assert len(first.portion(wanted(1, 1))) == 2
    assert len(second.portion(wanted(1, 1))) == 1
    assert first.is_full
    assert second.is_full


def test_what_was_reserved_and_not_read_is_free_again() -> None:
    tenants = tenants_within(2, 1000)
    first, second = (window_of(9, 1000, tenants=tenants, account=f"acme/{name}") for name in ("amy", "bob"))
    first.portion(wanted(400, 400))
    first.enter("a", 400)
    first.end_portion()
    assert len(second.portion(wanted(600, 600))) == 1


def test_mails_that_other_accounts_left_on_their_way_count() -> None:
    tenants = tenants_within(3)
    window_of(9, 1000, [1, 1], tenants=tenants, account="acme/amy")
    assert len(window_of(9, 1000, tenants=tenants).portion(wanted(1, 1))) == 1


def test_an_account_that_is_visited_again_counts_once() -> None:
    tenants = tenants_within(3)
    for _ in range(3):
        window_of(9, 1000, [1, 1], tenants=tenants)
    assert len(window_of(9, 1000, [1, 1], tenants=tenants).portion(wanted(1, 1))) == 1


async def test_a_visit_goes_on_as_soon_as_a_mail_of_another_account_arrives() -> None:
    tenants = tenants_within(1)
    first, second = (window_of(9, 1000, tenants=tenants, account=f"acme/{name}") for name in ("amy", "bob"))
    first.portion(wanted(1))
    first.enter("a", 1)
    opening = asyncio.create_task(second.opens(60.0))
    await asyncio.sleep(0)
    tenants.leave(["a"])
    assert await opening
    assert not second.is_full


async def test_room_for_one_wakes_one_and_the_next_when_that_one_leaves_some() -> None:
    tenants = tenants_within(2)
    first, second, third = (
        window_of(9, 1000, tenants=tenants, account=f"acme/{name}") for name in ("amy", "bob", "cas")
    )
    first.portion(wanted(1, 1))
    first.enter("a", 1)
    first.enter("b", 1)
    waiting = [asyncio.create_task(each.opens(60.0)) for each in (second, third)]
    await asyncio.sleep(0)
    tenants.leave(["a"])
    tenants.leave(["b"])
    await waiting[0]
    assert not waiting[1].done()
    second.portion(wanted(1))
    assert await waiting[1]


async def test_a_visit_goes_on_when_what_it_waited_behind_waits_for_its_target_by_now() -> None:
    clock = ManualClock()
    tenants = TenantQuotas(clock, QuotaLimit(NARROW, 0), many=True)
    first, second = (window_of(9, 1000, tenants=tenants, account=f"acme/{name}") for name in ("amy", "bob"))
    first.enter("a", 1)
    assert second.is_full
    assert not await second.opens(0.0)
    await clock.advance(STANDING)
    assert await second.opens(0.0)


async def test_nobody_waits_for_room_once_the_process_is_to_stop() -> None:
    tenants = tenants_within(1)
    window_of(9, 1000, [1], tenants=tenants, account="acme/amy")
    opening = asyncio.create_task(window_of(9, 1000, tenants=tenants).opens(60.0))
    await asyncio.sleep(0)
    tenants.end_waits()
    assert not await opening


async def test_a_window_that_nothing_leaves_is_given_up() -> None:
    tenants = tenants_within(1)
    window_of(9, 1000, [1], tenants=tenants, account="acme/amy")
    assert not await window_of(9, 1000, tenants=tenants).opens(0.0)
