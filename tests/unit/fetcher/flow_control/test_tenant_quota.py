"""How much of one tenant's mail is in flight, and may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from services.fetcher.flow_control.tenant_quota import (
    QUEUED_FOR,
    QuotaLimit,
    RecentlyPublished,
    TenantQuota,
)


def test_a_limit_of_zero_is_none() -> None:
    quota = TenantQuota("acme")
    quota.set_in_flight("acme/bob", {"a": 10**12})
    assert min(quota.room(QuotaLimit(0, 0))) > 0
    assert min(quota.room(QuotaLimit(1, 0))) <= 0
    assert min(quota.room(QuotaLimit(0, 1))) <= 0


@given(st.integers(0, 10**6), st.integers(0, 10**12))
def test_a_narrow_limit_is_never_wider_and_lets_something_pass(messages: int, octets: int) -> None:
    limit = QuotaLimit(messages, octets)
    for whole, part in zip(limit, limit.while_shared(), strict=True):
        assert part <= whole
        assert bool(part) == bool(whole)


class Quotas(RuleBasedStateMachine):
    """A quota counts what a plain list of mails counts, whatever happens in whichever order: all of them, and
    those that were published recently.
    """

    accounts = Bundle("accounts")

    def __init__(self) -> None:
        super().__init__()
        self.quota = TenantQuota("acme")
        self.mails: dict[tuple[str, str], int] = {}
        self.reserved: dict[str, tuple[int, int]] = {}
        self.queued: dict[tuple[str, str], tuple[float, int]] = {}
        self.now = 0.0

    @rule(seconds=st.floats(0, QUEUED_FOR))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=accounts, name=st.sampled_from(["acme/amy", "acme/bob"]))
    def account(self, name: str) -> str:
        return name

    @rule(account=accounts, mails=st.dictionaries(st.sampled_from("abc"), st.integers(0, 99)))
    def set_in_flight(self, account: str, mails: dict[str, int]) -> None:
        named = {f"{account} {message}": octets for message, octets in mails.items()}
        self.quota.set_in_flight(account, named)
        self.mails = {place: octets for place, octets in self.mails.items() if place[0] != account}
        self.mails |= {(account, message): octets for message, octets in named.items()}
        for place in self.queued.keys() - self.mails.keys():
            del self.queued[place]
        self.reserved.pop(account, None)

    @rule(account=accounts, messages=st.integers(0, 9), octets=st.integers(0, 99))
    def reserve(self, account: str, messages: int, octets: int) -> None:
        self.quota.reserve(account, messages, octets)
        self.reserved[account] = (messages, octets)

    @rule(account=accounts)
    def release(self, account: str) -> None:
        self.quota.release(account)
        self.reserved.pop(account, None)

    @rule(account=accounts, message=st.sampled_from("abc"), octets=st.integers(0, 99))
    def add_message(self, account: str, message: str, octets: int) -> None:
        message = f"{account} {message}"
        self.quota.add_message(account, message, octets, self.now)
        if (account, message) not in self.mails:
            self.queued[account, message] = (self.now + QUEUED_FOR, octets)
            self.mails[account, message] = octets
            messages, more = self.reserved.get(account, (0, 0))
            self.reserved[account] = (max(0, messages - 1), max(0, more - octets))

    @rule(account=accounts, message=st.sampled_from("abc"))
    def remove_message(self, account: str, message: str) -> None:
        message = f"{account} {message}"
        self.queued.pop((account, message), None)
        known = self.mails.pop((account, message), None) is not None
        assert self.quota.remove_message(account, message) == known

    @invariant()
    def counts_what_is_queued(self) -> None:
        queued = [octets for until, octets in self.queued.values() if until > self.now]
        messages = len(queued) + sum(count for count, _ in self.reserved.values())
        octets = sum(queued) + sum(octets for _, octets in self.reserved.values())
        limit = QuotaLimit(10**6, 10**6)
        assert self.quota.room_in_queues(limit, self.now) == limit.minus(messages, octets)

    @invariant()
    def counts(self) -> None:
        assert self.quota.messages == len(self.mails) + sum(count for count, _ in self.reserved.values())
        assert self.quota.octets == sum(self.mails.values()) + sum(
            octets for _, octets in self.reserved.values()
        )


TestQuotas = Quotas.TestCase


def test_a_mail_counts_as_queued_until_it_is_settled() -> None:
    queued = RecentlyPublished()
    queued.add_message("a", 5, 0.0)
    queued.add_message("b", 7, 0.0)
    queued.discard_message("a")
    queued.discard_message("a")
    assert (queued.count(0.0), queued.octets) == (1, 7)


def test_a_mail_that_takes_longer_counts_as_queued_no_more() -> None:
    queued = RecentlyPublished()
    queued.add_message("a", 5, 0.0)
    queued.add_message("b", 7, 1.0)
    assert queued.count(QUEUED_FOR) == 1
    assert queued.octets == 7
    assert queued.count(QUEUED_FOR + 1.0) == 0
    assert queued.octets == 0


def test_a_mail_that_is_published_again_counts_anew() -> None:
    queued = RecentlyPublished()
    queued.add_message("a", 5, 0.0)
    queued.add_message("b", 7, 1.0)
    queued.add_message("a", 6, 2.0)
    assert (queued.count(QUEUED_FOR), queued.octets) == (2, 13)
    assert (queued.count(QUEUED_FOR + 1.0), queued.octets) == (1, 6)
