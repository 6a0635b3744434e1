"""What a fetcher tells of all accounts: how many are in which state, whose fail, and since when. Pure.

The states are those of `mailferry status`, in its order: what is switched off or on hold is that before
anything else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.operations.status_colour import OVERDUE
from shared.ports.store import AccountSummary, CustodySummary

MOST_NAMED = 5


class AccountCondition(StrEnum):
    """From working to not to be visited."""

    WORKING = "working"
    DEGRADED = "degraded"
    FAILING = "failing"
    OVERDUE = "overdue"
    NEW = "new"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Overview:
    """`states` counts the accounts that are `known`; `failing` those of a tenant that fail.

    `failing_since`: the last success of each that fails, None where there was none. `strangers` are in the
    database, and the configuration does not name them.
    """

    states: Counter[AccountCondition] = field(default_factory=Counter)
    failing: Counter[str] = field(default_factory=Counter)
    failing_since: dict[str, float | None] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)


def state_of(standing: AccountSummary, now: float) -> AccountCondition:
    """The state of one account."""
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


def overview(standings: Iterable[AccountSummary], known: Collection[str], now: float) -> Overview:
    """How the accounts that are `known` to the configuration stand, and which others there are."""
    found = Overview()
    for each in standings:
        if each.account not in known:
            found.strangers.append(each.account)
            continue
        state = state_of(each, now)
        found.states[state] += 1
        if state is AccountCondition.FAILING:
            found.failing[each.account.partition("/")[0]] += 1
            found.failing_since[each.account] = each.succeeded_at
    return found


def oldest_failure(since: Mapping[str, float | None], seen: Mapping[str, float], now: float) -> float:
    """For how many seconds an account that fails has been without success, the longest of all; 0 where none
    fails. Time on hold counts, and time in which no fetcher ran.

    For one that never had any this counts from when it was first `seen` to fail.
    """
    began = (seen[account] if success is None else success for account, success in since.items())
    return max(0.0, now - min(began, default=now))


def strangers_sentence(custody: Mapping[str, CustodySummary]) -> str | None:
    """What is held for accounts that the configuration does not name; None where nothing is."""
    if not custody:
        return None
    mails = sum(sum(each) for each in custody.values())
    here = sum(each.here for each in custody.values())
    named = ", ".join(sorted(custody)[:MOST_NAMED]) + (", …" if len(custody) > MOST_NAMED else "")
    accounts = "account" if len(custody) == 1 else "accounts"
    alone = f" ({here} held here alone)" if here else ""
    return (
        f"{mails} {'mail' if mails == 1 else 'mails'}{alone} of {len(custody)} {accounts} that the "
        f"configuration does not name: {named}; see `mailferry status`"
    )
