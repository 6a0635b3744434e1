"""The mailbox of a visit that is watched."""

from __future__ import annotations

import pytest

from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.scheduler.visit_monitor import MonitoredMailbox


@pytest.mark.parametrize("name", [name for name in vars(Mailbox) if not name.startswith("_")])
def test_it_hands_each_call_on_so_that_no_default_of_the_port_hides_the_mailbox(name: str) -> None:
    assert name in vars(MonitoredMailbox)
