"""How much of each tenant's mail is on its way, and may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from services.fetcher.share import NARROW, Bound, Share
from services.fetcher.tenants import COMPANY, REMEMBERED, Tenants
from tests.fakes.clock import ManualClock

WIDE = Bound(80, 8000)


async def test_a_tenant_is_narrowed_while_another_fetches_and_wide_again_when_that_is_over() -> None:
    clock = ManualClock()
    tenants = Tenants(clock, WIDE)
    tenants.reserve("large", "large/a", 1, 1)
    assert tenants.bound("large") == WIDE
    tenants.reserve("small", "small/a", 1, 1)
    assert tenants.bound("large") == Bound(80 // NARROW, 8000 // NARROW)
    await clock.advance(COMPANY / 2)
    tenants.reserve("large", "large/a", 1, 1)
    assert tenants.bound("small") == tenants.bound("large") == WIDE.narrowed()
    await clock.advance(COMPANY / 2)
    assert tenants.bound("large") == WIDE


def test_a_tenant_is_not_its_own_company() -> None:
    tenants = Tenants(ManualClock(), WIDE)
    for number in range(9):
        tenants.reserve("large", f"large/{number}", 1, 1)
    assert tenants.bound("large") == WIDE


async def test_what_a_visit_left_on_its_way_is_forgotten_when_its_account_does_not_come_again() -> None:
    clock = ManualClock()
    tenants = Tenants(clock, WIDE)
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
    tenants = Tenants(clock, WIDE)
    tenants.begin("acme", "acme/bob", {})
    tenants.end("acme", "acme/bob")
    tenants.begin("acme", "acme/bob", {"a": 1})
    await clock.advance(REMEMBERED)
    tenants.begin("acme", "acme/amy", {})
    assert tenants.share("acme").messages == 1


def test_a_bound_of_zero_is_none() -> None:
    share = Share("acme")
    share.know("acme/bob", {"a": 10**12})
    assert not share.is_full(Bound(0, 0))
    assert share.is_full(Bound(1, 0))
    assert share.is_full(Bound(0, 1))


@given(st.integers(0, 10**6), st.integers(0, 10**12))
def test_a_narrow_bound_is_never_wider_and_lets_something_pass(messages: int, octets: int) -> None:
    bound = Bound(messages, octets)
    for whole, part in zip(bound, bound.narrowed(), strict=True):
        assert part <= whole
        assert bool(part) == bool(whole)


class Shares(RuleBasedStateMachine):
    """A share counts what a plain list of mails counts, whatever happens in whichever order."""

    accounts = Bundle("accounts")

    def __init__(self) -> None:
        super().__init__()
        self.share = Share("acme")
        self.mails: dict[tuple[str, str], int] = {}
        self.reserved: dict[str, tuple[int, int]] = {}

    @rule(target=accounts, name=st.sampled_from(["acme/amy", "acme/bob"]))
    def account(self, name: str) -> str:
        return name

    @rule(account=accounts, mails=st.dictionaries(st.sampled_from("abc"), st.integers(0, 99)))
    def know(self, account: str, mails: dict[str, int]) -> None:
        self.share.know(account, mails)
        self.mails = {place: octets for place, octets in self.mails.items() if place[0] != account}
        self.mails |= {(account, message): octets for message, octets in mails.items()}
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
        self.share.enter(account, message, octets)
        if (account, message) not in self.mails:
            self.mails[account, message] = octets
            messages, more = self.reserved.get(account, (0, 0))
            self.reserved[account] = (max(0, messages - 1), max(0, more - octets))

    @rule(account=accounts, message=st.sampled_from("abc"))
    def leave(self, account: str, message: str) -> None:
        known = self.mails.pop((account, message), None) is not None
        assert self.share.leave(account, message) == known

    @invariant()
    def counts(self) -> None:
        assert self.share.messages == len(self.mails) + sum(count for count, _ in self.reserved.values())
        assert self.share.octets == sum(self.mails.values()) + sum(
            octets for _, octets in self.reserved.values()
        )


TestShares = Shares.TestCase
