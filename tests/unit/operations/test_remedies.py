"""What helps an account depends on what makes its light."""

from __future__ import annotations

import pytest

from shared.model.account_condition import AccountCondition, Colour
from shared.operations.remedies import Remedy, remedy_of
from shared.operations.status import AccountStatus


def status(
    colour: Colour, condition: AccountCondition, *, parked: int = 0, lost: int = 0, grant: str | None = None
) -> AccountStatus:
    return AccountStatus(
        account="acme/info",
        colour=colour,
        sentence="",
        waiting=0,
        in_flight=0,
        parked=parked,
        visited_at=None,
        succeeded_at=None,
        due_at=None,
        login_method=None,
        suppressed=0,
        lost=lost,
        skipped=0,
        visited_by=None,
        copies=0,
        condition=condition,
        grant=grant,
    )


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (status(Colour.GREEN, AccountCondition.WORKING), Remedy.NONE),
        (status(Colour.RED, AccountCondition.FAILING), Remedy.TEST_LOGIN),
        (status(Colour.RED, AccountCondition.FAILING, grant="needs owner"), Remedy.CONNECT),
        (status(Colour.YELLOW, AccountCondition.PAUSED, grant="needs owner"), Remedy.RESUME),
        (status(Colour.YELLOW, AccountCondition.DISABLED, parked=3), Remedy.ENABLE),
        (status(Colour.YELLOW, AccountCondition.OVERDUE), Remedy.START_FETCHER),
        (status(Colour.YELLOW, AccountCondition.WORKING, parked=1, lost=1), Remedy.DECIDE_PARKED),
        (status(Colour.YELLOW, AccountCondition.WORKING, lost=1), Remedy.READ_LOST),
        (status(Colour.YELLOW, AccountCondition.DEGRADED), Remedy.WAIT),
        (status(Colour.WHITE, AccountCondition.NEW), Remedy.WAIT),
    ],
)
def test_the_remedy_is_that_of_what_holds_the_account(given: AccountStatus, wanted: Remedy) -> None:
    assert remedy_of(given) is wanted
