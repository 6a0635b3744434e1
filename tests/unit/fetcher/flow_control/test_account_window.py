"""How much of an account's mail may be in flight at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.choice import Wanted
from services.fetcher.flow_control.account_window import AccountWindow
from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.tenant_quota import QUEUED_FOR, SHARED_PART, QuotaLimit
from services.fetcher.flow_control.tenant_quotas import TenantQuotas
from shared.model.mailbox import Listed
from shared.model.message import LedgerKey
from tests.fakes.clock import ManualClock


def wanted(*sizes: int) -> list[Wanted]:
    return [
        Wanted(Listed(str(n), n, size), LedgerKey("INBOX", 0, str(n)))
        for n, size in enumerate(sizes, start=1)
    ]


def quotas_within(messages: int = 0, octets: int = 0) -> TenantQuotas:
    return TenantQuotas(ManualClock(), lambda _: QuotaLimit(messages, octets))


def window_of(
    messages: int,
    octets: int,
    in_flight: Sequence[int] = (),
    quotas: TenantQuotas | None = None,
    account: str = "acme/bob",
) -> AccountWindow:
    return AccountWindow(
        QuotaLimit(messages, octets),
        quotas or quotas_within(),
        tenant="acme",
        account=account,
        in_flight={f"{account} earlier {n}": each for n, each in enumerate(in_flight)},
        pending=PendingSet(),
    )


def test_a_portion_is_bounded_by_the_number_of_mails() -> None:
    assert len(window_of(2, 1000).reserve_portion(wanted(1, 1, 1))) == 2


def test_a_portion_is_bounded_by_its_octets() -> None:
    assert len(window_of(10, 1000).reserve_portion(wanted(400, 400, 400))) == 2


def test_a_mail_larger_than_the_window_passes_alone() -> None:
    assert len(window_of(10, 1000).reserve_portion(wanted(5000, 1))) == 1


def test_a_full_window_lets_nothing_pass() -> None:
    window = window_of(1, 1000)
    window.add_message("a", 10)
    assert window.is_full
    assert window.reserve_portion(wanted(1)) == ()


def test_mails_of_earlier_visits_count() -> None:
    assert window_of(2, 1000, [10, 10]).is_full
    assert window_of(9, 1000, [1000]).is_full


def test_a_mail_that_was_settled_makes_room() -> None:
    window = window_of(1, 1000)
    window.add_message("a", 1000)
    window.remove_messages(["a", "unknown"])
    assert not window.is_full
    window.remove_messages(["a"])
    assert len(window.reserve_portion(wanted(1, 1))) == 1


@given(st.lists(st.integers(0, 2000), max_size=20), st.integers(1, 10), st.integers(1, 5000))
def test_a_portion_is_a_beginning_that_fits(sizes: list[int], messages: int, octets: int) -> None:
    waiting = wanted(*sizes)
    portion = window_of(messages, octets).reserve_portion(waiting)
    assert list(portion) == waiting[: len(portion)]
    assert len(portion) <= messages
    assert len(portion) <= 1 or sum(each.entry.size for each in portion) <= octets
    assert portion or not waiting


def test_all_accounts_of_a_tenant_share_its_window() -> None:
    quotas = quotas_within(3)
    first, second = (window_of(9, 1000, quotas=quotas, account=f"acme/{name}") for name in ("amy", "bob"))
    assert len(first.reserve_portion(wanted(1, 1))) == 2
    assert len(second.reserve_portion(wanted(1, 1))) == 1
    assert first.is_full
    assert second.is_full


def test_what_was_reserved_and_not_read_is_free_again() -> None:
    quotas = quotas_within(2, 1000)
    first, second = (window_of(9, 1000, quotas=quotas, account=f"acme/{name}") for name in ("amy", "bob"))
    first.reserve_portion(wanted(400, 400))
    first.add_message("a", 400)
    first.release_portion()
    assert len(second.reserve_portion(wanted(600, 600))) == 1


def test_mails_that_other_accounts_left_in_flight_count() -> None:
    quotas = quotas_within(3)
    window_of(9, 1000, [1, 1], quotas=quotas, account="acme/amy")
    assert len(window_of(9, 1000, quotas=quotas).reserve_portion(wanted(1, 1))) == 1


def test_an_account_that_is_visited_again_counts_once() -> None:
    quotas = quotas_within(3)
    for _ in range(3):
        window_of(9, 1000, [1, 1], quotas=quotas)
    assert len(window_of(9, 1000, [1, 1], quotas=quotas).reserve_portion(wanted(1, 1))) == 1


async def test_a_visit_goes_on_as_soon_as_a_mail_of_another_account_is_settled() -> None:
    quotas = quotas_within(1)
    first, second = (window_of(9, 1000, quotas=quotas, account=f"acme/{name}") for name in ("amy", "bob"))
    first.reserve_portion(wanted(1))
    first.add_message("a", 1)
    opening = asyncio.create_task(second.wait_for_room(60.0))
    await asyncio.sleep(0)
    quotas.remove_messages(["a"])
    assert await opening
    assert not second.is_full


async def test_room_for_one_wakes_one_and_the_next_when_that_one_leaves_some() -> None:
    quotas = quotas_within(2)
    first, second, third = (
        window_of(9, 1000, quotas=quotas, account=f"acme/{name}") for name in ("amy", "bob", "cas")
    )
    first.reserve_portion(wanted(1, 1))
    first.add_message("a", 1)
    first.add_message("b", 1)
    waiting = [asyncio.create_task(each.wait_for_room(60.0)) for each in (second, third)]
    await asyncio.sleep(0)
    quotas.remove_messages(["a"])
    quotas.remove_messages(["b"])
    await waiting[0]
    assert not waiting[1].done()
    second.reserve_portion(wanted(1))
    assert await waiting[1]


async def test_a_visit_goes_on_when_what_it_waited_behind_waits_for_its_target_by_now() -> None:
    clock = ManualClock()
    quotas = TenantQuotas(clock, lambda _: QuotaLimit(SHARED_PART, 0), several_tenants=True)
    first, second = (window_of(9, 1000, quotas=quotas, account=f"acme/{name}") for name in ("amy", "bob"))
    first.add_message("a", 1)
    assert second.is_full
    assert not await second.wait_for_room(0.0)
    await clock.advance(QUEUED_FOR)
    assert await second.wait_for_room(0.0)


async def test_waits_for_room_end_when_the_process_has_to_stop() -> None:
    quotas = quotas_within(1)
    window_of(9, 1000, [1], quotas=quotas, account="acme/amy")
    opening = asyncio.create_task(window_of(9, 1000, quotas=quotas).wait_for_room(60.0))
    await asyncio.sleep(0)
    quotas.end_waits()
    assert not await opening


async def test_a_window_that_nothing_leaves_is_given_up() -> None:
    quotas = quotas_within(1)
    window_of(9, 1000, [1], quotas=quotas, account="acme/amy")
    assert not await window_of(9, 1000, quotas=quotas).wait_for_room(0.0)
