"""When an account is visited again."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.schedule import (
    GROWS_EVERY,
    GROWTH,
    LOCKED_PAUSE,
    LONGEST_PAUSE,
    REFUSED_PAUSE,
    SPREAD,
    automatic_concurrency,
    bearable,
    next_visit,
    poll_after,
    visit_after_drop,
)
from shared.model.account import RetryTimes
from shared.model.errors import MailferryError
from shared.model.hosts import HostLimit, HostLimits
from shared.model.poll_interval import PollInterval
from shared.model.source_errors import LoginTooSoon, MailboxLocked, PlaceTaken, ProcessEnds, SourceBusy
from shared.ports.broker import BrokerUnavailable
from shared.ports.store import LONGEST_WAIT, VisitReport

OK = VisitReport()
FAILED = VisitReport(problem="no answer", failed=True)
REFUSED = VisitReport(problem="wrong password", failed=True, temporary=False)


def after(
    report: VisitReport,
    *,
    failures: int = 0,
    more: bool = False,
    poll: float = 60,
    error: MailferryError | None = None,
) -> float:
    return next_visit(report, poll=poll, failures=failures, more=more, now=0.0, chance=0.0, error=error)


def test_a_good_visit_is_followed_by_the_next_after_the_poll_interval() -> None:
    assert after(OK) == 60


ranges = st.tuples(st.floats(1.0, 1e5), st.floats(1.0, 1e5)).map(lambda ends: PollInterval(*sorted(ends)))
quiet_times = st.floats(0.0, 1e9)


@given(ranges, quiet_times)
def test_the_interval_stays_within_its_range(interval: PollInterval, quiet: float) -> None:
    assert interval.shortest <= poll_after(interval, quiet) <= interval.longest


@given(ranges, quiet_times, quiet_times)
def test_the_longer_nothing_comes_the_longer_is_the_interval(
    interval: PollInterval, one: float, other: float
) -> None:
    less, more = sorted((one, other))
    assert poll_after(interval, less) <= poll_after(interval, more)


@given(ranges, st.floats(-1e9, GROWS_EVERY, exclude_max=True))
def test_within_an_hour_of_mail_the_interval_is_short(interval: PollInterval, quiet: float) -> None:
    assert poll_after(interval, quiet) == interval.shortest


@given(ranges)
def test_after_enough_hours_without_mail_the_interval_is_long(
    interval: PollInterval,
) -> None:
    enough = GROWS_EVERY * (1 + math.log(interval.longest / interval.shortest, GROWTH))
    assert poll_after(interval, enough) == interval.longest


def test_the_interval_grows_by_half_after_each_hour() -> None:
    interval = PollInterval(60.0, 900.0)
    hours = [poll_after(interval, GROWS_EVERY * hour) for hour in range(9)]
    assert hours == [60.0, 90.0, 135.0, 202.5, 303.75, 455.625, 683.4375, 900.0, 900.0]


def test_a_visit_that_left_mail_behind_goes_on_at_once() -> None:
    assert after(OK, more=True) == 0


def test_a_problem_in_a_complete_visit_changes_nothing() -> None:
    assert after(VisitReport(problem="one mail was not handed out")) == 60


def test_failures_grow_apart_up_to_an_hour() -> None:
    assert [after(FAILED, failures=n) for n in (0, 1, 2, 3)] == [60, 120, 240, 480]
    assert after(FAILED, failures=10_000) == LONGEST_PAUSE


def after_drop(
    failures: int, report: VisitReport = FAILED, *, retries: int = 3, interval: float = 0.0
) -> float | None:
    patience = RetryTimes(poll=PollInterval.every(3600), retries=retries, retry_delay=10.0)
    return visit_after_drop(report, patience, failures=failures, now=100.0, chance=0.0, interval=interval)


def test_a_dropped_connection_is_made_again_within_seconds_as_often_as_retries_allow() -> None:
    assert [after_drop(n) for n in range(4)] == [101.0, 102.0, None, None]
    assert after_drop(0, retries=1) is None


def test_a_visit_that_fetched_something_before_the_drop_is_followed_by_another_however_many_failed() -> None:
    assert after_drop(50, VisitReport(problem="broke", failed=True, fetched=1)) == 110.0


def test_after_a_drop_too_no_visit_comes_sooner_than_the_host_bears() -> None:
    assert after_drop(0, interval=600.0) == 700.0


def test_a_refused_login_waits_long() -> None:
    assert after(REFUSED) == REFUSED_PAUSE


def test_a_visit_without_a_broker_is_due_again_soon_even_where_the_poll_interval_is_long() -> None:
    away = BrokerUnavailable("the broker is away")
    assert [after(FAILED, failures=n, poll=3600, error=away) for n in (0, 1, 2)] == [1, 2, 4]
    assert after(FAILED, failures=10_000, poll=60, error=away) <= LONGEST_PAUSE


def test_a_visit_that_ended_with_its_process_is_made_again_by_the_next_one_at_once() -> None:
    assert after(FAILED, failures=5, error=ProcessEnds("TERM")) == 0


def test_a_visit_whose_place_was_taken_is_made_again_at_growing_distance() -> None:
    dripping = PlaceTaken("it drips")
    assert [after(FAILED, failures=n, error=dripping) for n in range(3)] == [60, 120, 240]


def test_a_locked_mailbox_is_tried_again_soon_however_often_it_was_locked() -> None:
    locked = MailboxLocked("another session has it open")
    assert [after(FAILED, failures=n, error=locked) for n in (0, 1, 10)] == [60, 120, LOCKED_PAUSE]
    assert after(FAILED, failures=3, poll=7200, error=locked) == 7200


def test_a_server_that_asks_us_to_stay_away_is_left_alone_that_long() -> None:
    assert after(FAILED, error=LoginTooSoon("throttled", retry_after=3000)) == 3000
    assert after(FAILED, error=LoginTooSoon("throttled", retry_after=1)) == 60
    assert after(FAILED, error=LoginTooSoon("throttled", retry_after=1e9)) == LONGEST_WAIT


def test_the_pause_for_a_volume_that_is_used_up_is_doubled_with_each_failure_up_to_a_day() -> None:
    used_up = SourceBusy("no volume left for today", retry_after=3600, pause_grows=True)
    assert [after(FAILED, failures=n, error=used_up) for n in (0, 1, 2)] == [3600, 7200, 14400]
    assert after(FAILED, failures=50, error=used_up) == LONGEST_WAIT
    assert after(OK) == 60


def test_a_failure_never_comes_sooner_than_the_poll_interval() -> None:
    assert after(FAILED, failures=5, poll=7200) == 7200
    assert after(REFUSED, poll=7200) == 7200


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 50))
def test_chance_adds_at_most_a_tenth(chance: float, failures: int) -> None:
    least = after(FAILED, failures=failures)
    spread = next_visit(FAILED, poll=60, failures=failures, more=False, now=0.0, chance=chance)
    assert least <= spread <= least * (1 + SPREAD)


@given(
    st.sampled_from([OK, FAILED, REFUSED]),
    st.booleans(),
    st.integers(0, 50),
    st.floats(0, 7200),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.builds(LoginTooSoon, st.just("throttled"), retry_after=st.floats(0, 1e6)),
)
def test_no_visit_comes_sooner_than_the_host_bears(
    report: VisitReport, more: bool, failures: int, interval: float, chance: float, error: LoginTooSoon | None
) -> None:
    due_at = next_visit(
        report,
        poll=60,
        failures=failures,
        more=more,
        now=1000.0,
        chance=chance,
        interval=interval,
        error=error,
    )
    assert due_at >= 1000.0 + interval


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=30),
    st.lists(st.sampled_from(["a", "b"]), max_size=6),
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 4)),
    st.integers(0, 40),
)
def test_of_the_accounts_to_be_visited_now_as_many_are_taken_as_their_hosts_bear(
    places: list[str], busy: list[str], connections: dict[str, int], most: int
) -> None:
    hosts = {f"account-{number}": host for number, host in enumerate(places)}
    limits = HostLimits(named={host: HostLimit(connections=count) for host, count in connections.items()})
    now, later = bearable(list(hosts), hosts, busy, limits, most)
    assert sorted(now + later) == sorted(hosts)
    assert [name for name in hosts if name in now] == now
    assert len(now) <= most
    visits = Counter(hosts[name] for name in now)
    for host, count in visits.items():
        allowed = connections.get(host, 0)
        assert not allowed or Counter(busy)[host] + count <= max(allowed, Counter(busy)[host])
    for name in later if len(now) < most else []:
        host = hosts[name]
        assert 0 < connections[host] <= Counter(busy)[host] + visits[host]


def test_automatic_concurrency_keeps_to_the_contract() -> None:
    assert automatic_concurrency(accounts=5, machine=1) == 5
    assert automatic_concurrency(accounts=50, machine=1) == 10
    assert automatic_concurrency(accounts=200, machine=1) == 20
    assert automatic_concurrency(accounts=200, machine=48) == 48
    assert automatic_concurrency(accounts=0, machine=48) == 1


def test_automatic_concurrency_stops_growing_with_the_accounts() -> None:
    assert automatic_concurrency(accounts=100_000, machine=48) == 1000
    assert automatic_concurrency(accounts=100_000, machine=1536) == 1536
