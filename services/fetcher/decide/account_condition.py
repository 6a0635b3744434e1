"""The condition of all accounts, for the fetcher's metrics: how many are in which state, and which fail.

The states are those of `mailferry status`. An account that is disabled or paused is that before anything
else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.operations.status_colour import OVERDUE
from shared.ports.store import AccountSummary, CustodySummary

MOST_NAMED = 5


class AccountCondition(StrEnum):
    """The state of an account."""

    WORKING = "working"
    DEGRADED = "degraded"
    FAILING = "failing"
    OVERDUE = "overdue"
    NEW = "new"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Overview:
    """`states` counts the accounts of the registry; `failing` counts those that fail, by tenant.

    `failing_since`: the last success of each account that fails, None where there was none. `strangers` are
    accounts that were visited and are not in the registry.
    """

    states: Counter[AccountCondition] = field(default_factory=Counter)
    failing: Counter[str] = field(default_factory=Counter)
    failing_since: dict[str, float | None] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)


def state_of(standing: AccountSummary, now: float) -> AccountCondition:
    """Return the state of one account."""
    if not standing.enabled:
        return AccountCondition.DISABLED
    if standing.paused:
        return AccountCondition.PAUSED
    if standing.failing:
        return AccountCondition.FAILING
    visited = standing.lease_until is not None and now < standing.lease_until
    if not visited and now > standing.due_at + OVERDUE:
        return AccountCondition.OVERDUE
    if standing.visited_at is None:
        return AccountCondition.NEW
    return AccountCondition.DEGRADED if standing.has_problem else AccountCondition.WORKING


def overview(standings: Iterable[AccountSummary], now: float) -> Overview:
    """Return the condition of the accounts in the registry, and which others there are."""
    found = Overview()
    for each in standings:
        if not each.registered:
            found.strangers.append(each.account)
            continue
        state = state_of(each, now)
        found.states[state] += 1
        if state is AccountCondition.FAILING:
            found.failing[each.account.partition("/")[0]] += 1
            found.failing_since[each.account] = each.succeeded_at
    return found


def oldest_failure(since: Mapping[str, float | None], seen: Mapping[str, float], now: float) -> float:
    """Return for how many seconds a failing account has been without success, the longest of all; 0 for none.

    The time while an account was paused, or no fetcher ran, counts. For an account that never succeeded, the
    time counts from when it was first `seen` to fail.
    """
    began = (seen[account] if success is None else success for account, success in since.items())
    return max(0.0, now - min(began, default=now))


def strangers_sentence(custody: Mapping[str, CustodySummary]) -> str | None:
    """Return a sentence about mail of accounts not in the registry; None if there is none."""
    if not custody:
        return None
    mails = sum(sum(each) for each in custody.values())
    here = sum(each.here for each in custody.values())
    named = ", ".join(sorted(custody)[:MOST_NAMED]) + (", …" if len(custody) > MOST_NAMED else "")
    accounts = "account that is" if len(custody) == 1 else "accounts that are"
    alone = f" ({here} held here alone)" if here else ""
    return (
        f"{mails} {'mail' if mails == 1 else 'mails'}{alone} of {len(custody)} {accounts} "
        f"not in the registry: {named}; see `mailferry status`"
    )
