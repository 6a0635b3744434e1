from __future__ import annotations

from dataclasses import replace

import pytest

from services.fetcher.decide.throttled_hosts import ACCOUNTS, FIRST, LASTS, LONGEST, ThrottledHosts
from shared.model.errors import MailferryError
from shared.model.hosts import HostLimit, HostLimits
from shared.model.source_errors import LoginTooSoon, MailboxLocked, SourceBusy, SourceRefused
from tests.fakes.mails import account

BOX = account()
HOST = BOX.endpoint.host
LIMITS = HostLimits(HostLimit(connections=4), {HOST: HostLimit(connections=2, spacing=5.0)})
THROTTLED = SourceBusy("throttled", retry_after=60.0)


def visited(
    hosts: ThrottledHosts, *numbers: int, error: MailferryError | None = THROTTLED, now: float = 0.0
) -> None:
    for number in numbers:
        hosts.note_visit(replace(BOX, name=str(number)), error, now)


def test_the_spacing_of_a_host_that_throttles_several_accounts_is_doubled_for_an_hour() -> None:
    hosts = ThrottledHosts()
    visited(hosts, *range(ACCOUNTS - 1))
    assert hosts.slowed(LIMITS, 0.0) is LIMITS
    visited(hosts, ACCOUNTS - 1, error=LoginTooSoon("too many connections"))
    slowed = hosts.slowed(LIMITS, LASTS - 1)
    assert slowed.of(HOST) == HostLimit(connections=2, spacing=10.0)
    assert slowed.of("another.example") == LIMITS.default
    assert hosts.slowed(LIMITS, LASTS) is LIMITS


def test_it_is_doubled_again_where_that_does_not_help_up_to_a_bound() -> None:
    hosts = ThrottledHosts()
    spacings = []
    for _ in range(5):
        visited(hosts, *range(ACCOUNTS))
        spacings.append(hosts.slowed(LIMITS, 0.0).of(HOST).spacing)
    assert spacings == [10.0, 20.0, 40.0, LONGEST, LONGEST]


def test_a_host_without_a_spacing_gets_one() -> None:
    hosts = ThrottledHosts()
    visited(hosts, *range(ACCOUNTS))
    assert hosts.slowed(HostLimits(), 0.0).of(HOST) == HostLimit(spacing=2 * FIRST)


def test_one_account_alone_slows_down_no_other() -> None:
    hosts = ThrottledHosts()
    visited(hosts, *[1] * 10)
    assert hosts.slowed(LIMITS, 0.0) is LIMITS


def test_an_account_that_is_served_again_does_not_count() -> None:
    hosts = ThrottledHosts()
    visited(hosts, 1, 2)
    visited(hosts, 1, error=None)
    visited(hosts, 3)
    assert hosts.slowed(LIMITS, 0.0) is LIMITS
    visited(hosts, 1)
    assert hosts.slowed(LIMITS, 0.0) is not LIMITS


@pytest.mark.parametrize(
    "error",
    [
        MailboxLocked("in use"),
        SourceRefused("no"),
        SourceBusy("no volume left for today", retry_after=3600.0, pause_grows=True),
    ],
)
def test_what_is_about_one_mailbox_alone_does_not_count(error: MailferryError) -> None:
    hosts = ThrottledHosts()
    visited(hosts, *range(10), error=error)
    assert hosts.slowed(LIMITS, 0.0) is LIMITS
