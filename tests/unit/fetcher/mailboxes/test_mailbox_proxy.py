"""A mailbox that hands every call on."""

from __future__ import annotations

import pytest

from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.mailbox_proxy import MailboxProxy


@pytest.mark.parametrize("name", [name for name in vars(Mailbox) if not name.startswith("_")])
def test_no_default_of_the_port_hides_the_mailbox(name: str) -> None:
    assert name in vars(MailboxProxy)
