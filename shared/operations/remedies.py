"""What helps an account that is not green: pure, so that every page and command offers the same."""

from __future__ import annotations

from enum import StrEnum

from shared.model.account_condition import AccountCondition, Colour
from shared.operations.grant_status import NOT_CONNECTED
from shared.operations.status import AccountStatus


class Remedy(StrEnum):
    """What somebody can do."""

    RESUME = "resume"
    ENABLE = "enable"
    CONNECT = "connect"
    TEST_LOGIN = "test_login"
    START_FETCHER = "start_fetcher"
    DECIDE_PARKED = "decide_parked"
    READ_LOST = "read_lost"
    WAIT = "wait"
    NONE = "none"


OF_CONDITION = {
    AccountCondition.PAUSED: Remedy.RESUME,
    AccountCondition.DISABLED: Remedy.ENABLE,
    AccountCondition.FAILING: Remedy.TEST_LOGIN,
    AccountCondition.OVERDUE: Remedy.START_FETCHER,
    AccountCondition.NEW: Remedy.WAIT,
}
NEEDS_SOMEBODY = frozenset({NOT_CONNECTED, "needs owner", "needs admin", "revoked"})


def remedy_of(status: AccountStatus) -> Remedy:
    """Return what helps most."""
    if status.colour is Colour.GREEN:
        return Remedy.NONE
    held = status.condition in {AccountCondition.PAUSED, AccountCondition.DISABLED}
    if not held and status.grant in NEEDS_SOMEBODY:
        return Remedy.CONNECT
    if status.condition in OF_CONDITION:
        return OF_CONDITION[status.condition]
    if status.parked:
        return Remedy.DECIDE_PARKED
    return Remedy.READ_LOST if status.lost else Remedy.WAIT
