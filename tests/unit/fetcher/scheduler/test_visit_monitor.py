from __future__ import annotations

from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.scheduler.visit_monitor import MonitoredMailbox


def test_the_watched_mailbox_leaves_nothing_to_the_defaults_of_the_port() -> None:
    """What it does not hand on would be done as for a mailbox that cannot do better."""
    asked = {name for name in vars(Mailbox) if not name.startswith("_")}
    assert asked - set(vars(MonitoredMailbox)) == set()
