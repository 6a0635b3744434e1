"""What the port `Mailbox` does by itself, and how the opener of a protocol is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.fetcher.mailboxes import opening
from services.fetcher.mailboxes.opening import OPENERS, open_account
from shared.model.account import Account
from shared.model.source_errors import SourceRefused
from shared.net.login.wire import Timeouts
from tests.fakes.mailbox import FakeMailbox
from tests.fakes.mails import account


async def test_one_header_is_one_of_many() -> None:
    mailbox = FakeMailbox({"a": b"Subject: a\r\n\r\ntext"})
    (entry,) = (await mailbox.listing()).entries
    assert await mailbox.header(entry) == b"Subject: a"
    mailbox.has_top = False
    with pytest.raises(SourceRefused, match="header of mail 1"):
        await mailbox.header(entry)


async def test_a_mailbox_that_deletes_at_its_end_does_not_know_what_is_still_there() -> None:
    mailbox = FakeMailbox({"a": b"1"})
    entries = (await mailbox.listing()).entries
    assert await mailbox.still_there(await mailbox.delete(entries)) is None


async def test_the_protocol_of_the_account_chooses_the_opener(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = FakeMailbox({})

    async def open_imap(_: Account, token: str, __: Timeouts, **___: Any) -> FakeMailbox:
        assert token == ""
        return opened

    openers: dict[str, Any] = {**OPENERS, "imap": open_imap}
    monkeypatch.setattr(opening, "OPENERS", openers)
    assert await open_account(replace(account(), protocol="imap"), Timeouts()) is opened


async def test_the_header_tells_when_a_mail_was_received_unless_the_protocol_does() -> None:
    mailbox = FakeMailbox(
        {"a": b"Date: Sun, 1 Nov 2026 12:00:00 +0000\r\n\r\ntext", "b": b"Subject: b\r\n\r\n"}
    )
    entries = (await mailbox.listing()).entries
    assert [moment async for _, moment in mailbox.received(entries)] == [1_793_534_400.0, None]
    mailbox.has_top = False
    assert [moment async for _, moment in mailbox.received(entries)] == [None, None]
