"""A few rounds of `make chaos`."""

from __future__ import annotations

import pytest

from tests.chaos.campaign import campaign
from tests.chaos.faults import FAULTS
from tests.chaos.testbed import running_testbed

SHORT = (
    "stop_a_fetcher_past_its_lease",
    "remove_rabbitmqs_data",
    "kill_postgresql",
    "move_the_clock",
    "kill_everything",
)


def test_the_short_campaign_is_made_of_evils_that_exist() -> None:
    assert set(SHORT) <= FAULTS.keys()


@pytest.mark.kill
@pytest.mark.timeout(300)
def test_a_few_rounds_of_chaos_lose_no_mail() -> None:
    reports: list[str] = []
    with running_testbed() as testbed:
        outcome = campaign(testbed, 1, SHORT, reports.append)
    assert outcome.rounds == len(SHORT)
    assert len(reports) == len(SHORT) + 1
