"""How the quotas of several tenants depend on one another, and on time."""

from __future__ import annotations

from services.fetcher.flow_control.tenant_quota import QUEUED_FOR, SHARED_PART, QuotaLimit
from services.fetcher.flow_control.tenant_quotas import ACTIVE_FOR, REMEMBERED, TenantQuotas
from tests.fakes.clock import ManualClock

WIDE = QuotaLimit(10 * SHARED_PART, 1000 * SHARED_PART)


async def test_a_tenant_has_the_narrow_limit_while_another_fetches_and_the_wide_one_after_that() -> None:
    clock = ManualClock()
    quotas = TenantQuotas(clock, lambda _: WIDE)
    quotas.reserve("large", "large/a", 1, 1)
    assert quotas.room("large") == WIDE.minus(1, 1)
    quotas.reserve("small", "small/a", 1, 1)
    assert quotas.room("large") == WIDE.while_shared().minus(1, 1)
    await clock.advance(ACTIVE_FOR / 2)
    quotas.reserve("large", "large/a", 1, 1)
    assert quotas.room("small") == quotas.room("large") == WIDE.while_shared().minus(1, 1)
    await clock.advance(ACTIVE_FOR / 2)
    assert quotas.room("large") == WIDE.minus(1, 1)


def test_a_tenant_alone_does_not_share() -> None:
    quotas = TenantQuotas(ManualClock(), lambda _: WIDE)
    for number in range(9):
        quotas.reserve("large", f"large/{number}", 1, 1)
    assert quotas.room("large") == WIDE.minus(9, 9)


async def test_one_of_several_tenants_shares_until_there_was_time_to_visit_all() -> None:
    clock = ManualClock()
    quotas = TenantQuotas(clock, lambda _: WIDE, several_tenants=True)
    assert quotas.room("large") == WIDE.while_shared()
    await clock.advance(ACTIVE_FOR)
    assert quotas.room("large") == WIDE


def while_shared(clock: ManualClock) -> TenantQuotas:
    quotas = TenantQuotas(clock, lambda _: WIDE)
    quotas.reserve("small", "small/a", 1, 1)
    return quotas


async def test_while_shared_a_mail_counts_as_queued_until_it_is_settled_or_waits_for_its_target() -> None:
    clock = ManualClock()
    quotas = while_shared(clock)
    quotas.add_message("large", "large/a", "one", 10)
    quotas.add_message("large", "large/a", "two", 20)
    assert quotas.room("large") == WIDE.while_shared().minus(2, 30)
    quotas.remove_messages(["one"])
    assert quotas.room("large") == WIDE.while_shared().minus(1, 20)
    await clock.advance(QUEUED_FOR)
    assert quotas.room("large") == WIDE.while_shared()


def test_what_was_in_flight_before_this_visit_does_not_count_as_queued() -> None:
    quotas = while_shared(ManualClock())
    quotas.begin_visit("large", "large/a", dict.fromkeys("abcdef", 1))
    assert quotas.room("large") == WIDE.while_shared()
    assert not quotas.is_used_up("large")


def test_while_shared_the_wide_limit_holds_as_well() -> None:
    quotas = while_shared(ManualClock())
    quotas.begin_visit("large", "large/a", {str(number): 1 for number in range(WIDE.messages)})
    assert quotas.is_used_up("large")


async def test_what_a_visit_left_in_flight_is_forgotten_when_its_account_does_not_come_again() -> None:
    clock = ManualClock()
    quotas = TenantQuotas(clock, lambda _: WIDE)
    quotas.begin_visit("acme", "acme/bob", {"a": 1, "b": 1})
    quotas.end_visit("acme", "acme/bob")
    await clock.advance(REMEMBERED - 1)
    quotas.begin_visit("acme", "acme/amy", {})
    assert quotas.of_tenant("acme").messages == 2
    await clock.advance(1)
    quotas.begin_visit("acme", "acme/amy", {})
    assert quotas.of_tenant("acme").messages == 0


async def test_a_visit_that_takes_long_is_not_forgotten() -> None:
    clock = ManualClock()
    quotas = TenantQuotas(clock, lambda _: WIDE)
    quotas.begin_visit("acme", "acme/bob", {})
    quotas.end_visit("acme", "acme/bob")
    quotas.begin_visit("acme", "acme/bob", {"a": 1})
    await clock.advance(REMEMBERED)
    quotas.begin_visit("acme", "acme/amy", {})
    assert quotas.of_tenant("acme").messages == 1
