"""Decide when an account is visited again.

After a visit that a limit ended, at once; after a failure, after growing pauses. After a refused login the
pause is long, so that the provider does not lock the account. A mailbox that another session holds, and a
visit without a broker, are tried again soon. After a connection was dropped in the middle of a visit, the
next one begins within seconds; after a visit that ended with its process, at once. A server that asked to be
left alone for a time is left alone for at least that long, and no visit begins sooner than the host allows.

Where `poll` is a range, the time between two visits grows while no mail comes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from shared.model.account import RetryTimes
from shared.model.backoff import Backoff
from shared.model.errors import Fault, MailferryError
from shared.model.hosts import HostLimits
from shared.model.poll_interval import PollInterval
from shared.model.source_errors import MailboxLocked, ProcessEnds, SourceError
from shared.ports.store import LONGEST_WAIT, VisitReport

LONGEST_PAUSE = 3600.0
LOCKED_PAUSE = 300.0
MOST_VISITS = 1000
"""Visits at once that are chosen without a word of the configuration. A core bears some 500 visits without
news a second, and most take a second or two; each costs a socket and some 100 kB."""
FIRST_WITHOUT_BROKER = 1.0
REFUSED_PAUSE = 1800.0
SPREAD = 0.1
GROWTH = 1.5
GROWS_EVERY = 3600.0
"""After each hour without mail the interval grows by half: from one minute to fifteen takes seven hours, so
that it is still short over lunch, and long at night."""


def next_visit(
    report: VisitReport,
    *,
    poll: float,
    failures: int,
    more: bool,
    now: float,
    chance: float,
    interval: float = 0.0,
    error: MailferryError | None = None,
) -> float:
    """Return the time (seconds since the epoch) of the next visit.

    `failures`: earlier visits in a row that failed. `more`: a limit ended the visit. `interval`: the seconds
    between two visits that the host asks for. `error`: what the visit failed with, if it is known. `chance`,
    from 0 to 1, adds up to a tenth of the pause, so that accounts do not fall into step.
    """
    if not report.failed:
        pause = 0.0 if more else poll
    else:
        pause = _pause(poll, failures, temporary=report.temporary)
        if error is not None:
            pause = _by_error(error, pause, poll, failures)
    return now + max(pause, interval) * (1 + SPREAD * chance)


def poll_after(interval: PollInterval, quiet: float) -> float:
    """Return the seconds to the next visit; no mail has come for `quiet` seconds."""
    hours = max(0.0, quiet) // GROWS_EVERY
    needed = math.log(interval.longest / interval.shortest, GROWTH)
    if hours >= needed:
        return interval.longest
    return min(interval.shortest * math.pow(GROWTH, hours), interval.longest)


def visit_after_drop(
    report: VisitReport, times: RetryTimes, *, failures: int, now: float, chance: float, interval: float
) -> float | None:
    """Return the time of the next visit after one whose connection was dropped after the login.

    None: the account's `retries` are used up, and the next visit comes as after any failure. A visit that
    fetched something is followed by another one however many failed before.
    """
    if failures >= times.retries - 1 and not report.fetched:
        return None
    pause = times.retry_pause(failures, chance)
    return now + max(pause, interval * (1 + SPREAD * chance))


def _pause(poll: float, failures: int, *, temporary: bool) -> float:
    if not temporary:
        return max(poll, REFUSED_PAUSE)
    return Backoff(poll, max(poll, LONGEST_PAUSE)).pause(failures)


def _by_error(error: MailferryError, pause: float, poll: float, failures: int) -> float:
    if isinstance(error, ProcessEnds):
        return 0.0
    if error.fault is Fault.BROKER:
        return Backoff(FIRST_WITHOUT_BROKER, pause).pause(failures)
    if isinstance(error, MailboxLocked):
        pause = min(pause, max(poll, LOCKED_PAUSE))
    if isinstance(error, SourceError) and error.retry_after is not None:
        wait = error.retry_after
        if error.pause_grows:
            wait = Backoff(wait, LONGEST_WAIT).pause(failures)
        pause = max(pause, min(wait, LONGEST_WAIT))
    return pause


def automatic_concurrency(accounts: int, machine: int) -> int:
    """Return how many accounts are visited at once when the configuration does not say.

    At least ten, or one in ten above a hundred accounts up to `MOST_VISITS`, or `machine`, which is what the
    cores of this machine manage.
    """
    return max(min(accounts, max(10, min(accounts // 10, MOST_VISITS), machine)), 1)


def bearable(
    names: Sequence[str], hosts: Mapping[str, str], busy: Iterable[str], limits: HostLimits, most: int
) -> tuple[list[str], list[str]]:
    """Return up to `most` of the accounts `names` that can be visited now, and the others, in their order.

    `hosts` maps accounts to their hosts; `busy` names the host of each active visit.
    """
    visits = Counter(busy)
    now: list[str] = []
    later: list[str] = []
    for name in names:
        host = hosts.get(name, "")
        connections = limits.of(host).connections
        if len(now) < most and (connections == 0 or visits[host] < connections):
            visits[host] += 1
            now.append(name)
        else:
            later.append(name)
    return now, later
