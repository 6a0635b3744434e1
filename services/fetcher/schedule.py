"""When an account is visited again.

A visit that left mail behind because of a limit goes on at once. A failure is tried again at growing
distance; a refused login waits long, so that the provider does not lock the account.
"""

from __future__ import annotations

from shared.ports.store import VisitReport

LONGEST_DISTANCE = 3600.0
REFUSED_DISTANCE = 1800.0
SPREAD = 0.1


def next_visit(
    report: VisitReport, *, poll: float, failures: int, more: bool, now: float, chance: float
) -> float:
    """The time (seconds since the epoch) of the next visit after `failures` earlier ones in a row; 0 ≤
    `chance` < 1.

    Up to a tenth of the distance is added by chance, so that accounts do not fall into step.
    """
    if not report.failed:
        distance = 0.0 if more else poll
    elif report.temporary:
        distance = min(poll * 2 ** min(failures, 10), max(poll, LONGEST_DISTANCE))
    else:
        distance = max(poll, REFUSED_DISTANCE)
    return now + distance * (1 + SPREAD * chance)


def automatic_concurrency(accounts: int, machine: int) -> int:
    """How many accounts are visited at once when the configuration does not say.

    The floor is ten, or one in ten above a hundred accounts; `machine` is what this machine manages, never
    used to go below.
    """
    return max(min(accounts, max(10, accounts // 10, machine)), 1)
