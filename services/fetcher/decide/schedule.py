"""When an account is visited again.

A visit that left mail behind because of a limit goes on at once. A failure is tried again at growing
distance; a refused login waits long, so that the provider does not lock the account; a mailbox that another
session holds is tried again soon, and so is a visit that had no broker: by then there is one. A connection
that was dropped in the middle of a visit is made again within seconds. A visit that ended with its process is
made again by the next one at once. Who asked us to
stay away for a time is left alone at least that long, and no visit comes sooner than the host bears.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from shared.model.account import RetryTimes
from shared.model.backoff import Backoff
from shared.model.errors import Fault, MailferryError
from shared.model.hosts import HostLimits
from shared.model.source_errors import MailboxLocked, ProcessEnds, SourceError
from shared.ports.store import LONGEST_WAIT, VisitReport

LONGEST_DISTANCE = 3600.0
LOCKED_DISTANCE = 300.0
FIRST_WITHOUT_BROKER = 1.0
REFUSED_DISTANCE = 1800.0
SPREAD = 0.1


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
    """The time (seconds since the epoch) of the next visit after `failures` earlier ones in a row; 0 ≤
    `chance` < 1. `error` is what the visit failed with, where that is known; `interval` the shortest
    distance in seconds that the host bears.

    Up to a tenth of the distance is added by chance, so that accounts do not fall into step.
    """
    if not report.failed:
        distance = 0.0 if more else poll
    else:
        distance = _distance(poll, failures, temporary=report.temporary)
        if error is not None:
            distance = _by_error(error, distance, poll, failures)
    return now + max(distance, interval) * (1 + SPREAD * chance)


def visit_after_drop(
    report: VisitReport, times: RetryTimes, *, failures: int, now: float, chance: float, interval: float
) -> float | None:
    """The time of the next visit after one whose connection was dropped after the login; None where the
    account's `retries` are used up, so that it comes as after any failure.

    A visit that fetched something got on, and is followed by another one however many failed before.
    """
    if failures >= times.retries - 1 and not report.fetched:
        return None
    pause = times.retry_pause(failures, chance)
    return now + max(pause, interval * (1 + SPREAD * chance))


def _distance(poll: float, failures: int, *, temporary: bool) -> float:
    if not temporary:
        return max(poll, REFUSED_DISTANCE)
    return Backoff(poll, max(poll, LONGEST_DISTANCE)).pause(failures)


def _by_error(error: MailferryError, distance: float, poll: float, failures: int) -> float:
    if isinstance(error, ProcessEnds):
        return 0.0
    if error.fault is Fault.BROKER:
        return Backoff(FIRST_WITHOUT_BROKER, distance).pause(failures)
    if isinstance(error, MailboxLocked):
        distance = min(distance, max(poll, LOCKED_DISTANCE))
    if isinstance(error, SourceError) and error.retry_after is not None:
        distance = max(distance, min(error.retry_after, LONGEST_WAIT))
    return distance


def automatic_concurrency(accounts: int, machine: int) -> int:
    """How many accounts are visited at once when the configuration does not say.

    The floor is ten, or one in ten above a hundred accounts; `machine` is what this machine manages, never
    used to go below.
    """
    return max(min(accounts, max(10, accounts // 10, machine)), 1)


def bearable(
    names: Sequence[str], hosts: Mapping[str, str], busy: Iterable[str], limits: HostLimits, most: int
) -> tuple[list[str], list[str]]:
    """Up to `most` of the accounts called `names` that can be visited now, and the others, both in their
    order.

    `hosts` tells where each account is, `busy` names the host of each visit under way.
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
