"""How much of each tenant's mail is on its way, and may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from services.fetcher.flow_control.recently_published import STANDING
from services.fetcher.flow_control.tenant_quota import NARROW, QuotaLimit, TenantQuota
from services.fetcher.flow_control.tenant_quotas import COMPANY, REMEMBERED, TenantQuotas
from tests.fakes.clock import ManualClock

WIDE = QuotaLimit(10 * NARROW, 1000 * NARROW)


async def test_a_tenant_is_narrowed_while_another_fetches_and_wide_again_when_that_is_over() -> None:
    clock = ManualClock()
    tenants = TenantQuotas(clock, WIDE)
    tenants.reserve("large", "large/a", 1, 1)
    assert tenants.room("large") == WIDE.less(1, 1)
    tenants.reserve("small", "small/a", 1, 1)
    assert tenants.room("large") == WIDE.narrowed().less(1, 1)
    await clock.advance(COMPANY / 2)
    tenants.reserve("large", "large/a", 1, 1)
    assert tenants.room("small") == tenants.room("large") == WIDE.narrowed().less(1, 1)
    await clock.advance(COMPANY / 2)
    assert tenants.room("large") == WIDE.less(1, 1)


def test_a_tenant_is_not_its_own_company() -> None:
    tenants = TenantQuotas(ManualClock(), WIDE)
    for number in range(9):
        tenants.reserve("large", f"large/{number}", 1, 1)
    assert tenants.room("large") == WIDE.less(9, 9)


async def test_one_of_many_has_company_until_there_was_time_to_visit_all() -> None:
    clock = ManualClock()
    tenants = TenantQuotas(clock, WIDE, many=True)
    assert tenants.room("large") == WIDE.narrowed()
    await clock.advance(COMPANY)
    assert tenants.room("large") == WIDE


def in_company(clock: ManualClock) -> TenantQuotas:
    tenants = TenantQuotas(clock, WIDE)
    tenants.reserve("small", "small/a", 1, 1)
    return tenants


async def test_beside_others_a_mail_takes_room_in_the_queues_until_it_arrives_or_waits_for_its_target() -> (
    None
):
    clock = ManualClock()
    tenants = in_company(clock)
    tenants.enter("large", "large/a", "one", 10)
    tenants.enter("large", "large/a", "two", 20)
    assert tenants.room("large") == WIDE.narrowed().less(2, 30)
    tenants.leave(["one"])
    assert tenants.room("large") == WIDE.narrowed().less(1, 20)
    await clock.advance(STANDING)
    assert tenants.room("large") == WIDE.narrowed()


def test_what_was_on_its_way_before_this_visit_stands_in_nobodys_way() -> None:
    tenants = in_company(ManualClock())
    tenants.begin("large", "large/a", dict.fromkeys("abcdef", 1))
    assert tenants.room("large") == WIDE.narrowed()
    assert not tenants.is_full("large")


def test_beside_others_the_wide_bound_holds_as_well() -> None:
    tenants = in_company(ManualClock())
    tenants.begin("large", "large/a", {str(number): 1 for number in range(WIDE.messages)})
    assert tenants.is_full("large")


async def test_what_a_visit_left_on_its_way_is_forgotten_when_its_account_does_not_come_again() -> None:
    clock = ManualClock()
    tenants = TenantQuotas(clock, WIDE)
    tenants.begin("acme", "acme/bob", {"a": 1, "b": 1})
    tenants.end("acme", "acme/bob")
    await clock.advance(REMEMBERED - 1)
    tenants.begin("acme", "acme/amy", {})
    assert tenants.share("acme").messages == 2
    await clock.advance(1)
    tenants.begin("acme", "acme/amy", {})
    assert tenants.share("acme").messages == 0


async def test_a_visit_that_takes_long_is_not_forgotten() -> None:
    clock = ManualClock()
    tenants = TenantQuotas(clock, WIDE)
    tenants.begin("acme", "acme/bob", {})
    tenants.end("acme", "acme/bob")
    tenants.begin("acme", "acme/bob", {"a": 1})
    await clock.advance(REMEMBERED)
    tenants.begin("acme", "acme/amy", {})
    assert tenants.share("acme").messages == 1


def test_a_bound_of_zero_is_none() -> None:
    share = TenantQuota("acme")
    share.know("acme/bob", {"a": 10**12})
    assert min(share.room(QuotaLimit(0, 0))) > 0
    assert min(share.room(QuotaLimit(1, 0))) <= 0
    assert min(share.room(QuotaLimit(0, 1))) <= 0


@given(st.integers(0, 10**6), st.integers(0, 10**12))
def test_a_narrow_bound_is_never_wider_and_lets_something_pass(messages: int, octets: int) -> None:
    bound = QuotaLimit(messages, octets)
    for whole, part in zip(bound, bound.narrowed(), strict=True):
        assert part <= whole
        assert bool(part) == bool(whole)


class Shares(RuleBasedStateMachine):
    """A share counts what a plain list of mails counts, whatever happens in whichever order: all of them, and
    those that set out not long ago.
    """

    accounts = Bundle("accounts")

    def __init__(self) -> None:
        super().__init__()
        self.share = TenantQuota("acme")
        self.mails: dict[tuple[str, str], int] = {}
        self.reserved: dict[str, tuple[int, int]] = {}
        self.standing: dict[tuple[str, str], tuple[float, int]] = {}
        self.now = 0.0

    @rule(seconds=st.floats(0, STANDING))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=accounts, name=st.sampled_from(["acme/amy", "acme/bob"]))
    def account(self, name: str) -> str:
        return name

    @rule(account=accounts, mails=st.dictionaries(st.sampled_from("abc"), st.integers(0, 99)))
    def know(self, account: str, mails: dict[str, int]) -> None:
        named = {f"{account} {message}": octets for message, octets in mails.items()}
        self.share.know(account, named)
        self.mails = {place: octets for place, octets in self.mails.items() if place[0] != account}
        self.mails |= {(account, message): octets for message, octets in named.items()}
        for place in self.standing.keys() - self.mails.keys():
            del self.standing[place]
        self.reserved.pop(account, None)

    @rule(account=accounts, messages=st.integers(0, 9), octets=st.integers(0, 99))
    def reserve(self, account: str, messages: int, octets: int) -> None:
        self.share.reserve(account, messages, octets)
        self.reserved[account] = (messages, octets)

    @rule(account=accounts)
    def release(self, account: str) -> None:
        self.share.release(account)
        self.reserved.pop(account, None)

    @rule(account=accounts, message=st.sampled_from("abc"), octets=st.integers(0, 99))
    def enter(self, account: str, message: str, octets: int) -> None:
        message = f"{account} {message}"
        self.share.enter(account, message, octets, self.now)
        if (account, message) not in self.mails:
            self.standing[account, message] = (self.now + STANDING, octets)
            self.mails[account, message] = octets
            messages, more = self.reserved.get(account, (0, 0))
            self.reserved[account] = (max(0, messages - 1), max(0, more - octets))

    @rule(account=accounts, message=st.sampled_from("abc"))
    def leave(self, account: str, message: str) -> None:
        message = f"{account} {message}"
        self.standing.pop((account, message), None)
        known = self.mails.pop((account, message), None) is not None
        assert self.share.leave(account, message) == known

    @invariant()
    def counts_what_stands_in_the_queues(self) -> None:
        standing = [octets for until, octets in self.standing.values() if until > self.now]
        messages = len(standing) + sum(count for count, _ in self.reserved.values())
        octets = sum(standing) + sum(octets for _, octets in self.reserved.values())
        bound = QuotaLimit(10**6, 10**6)
        assert self.share.room_in_queues(bound, self.now) == bound.less(messages, octets)

    @invariant()
    def counts(self) -> None:
        assert self.share.messages == len(self.mails) + sum(count for count, _ in self.reserved.values())
        assert self.share.octets == sum(self.mails.values()) + sum(
            octets for _, octets in self.reserved.values()
        )


TestShares = Shares.TestCase
