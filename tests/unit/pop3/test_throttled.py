"""A server that asks to be left alone is heard whatever command it answers so."""

from __future__ import annotations

import pytest

from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint
from shared.model.source_errors import SourceError
from tests.fakes.pop3_server import Pop3Server

THROTTLED = b"-ERR Request is throttled. Suggested Backoff Time: 300000 milliseconds\r\n"


@pytest.mark.parametrize("command", ["STAT", "LIST", "UIDL"])
async def test_a_listing_that_is_throttled_is_none(command: str) -> None:
    async with Pop3Server({"bob": [("a", b"x\r\n")]}, behaviours={command: THROTTLED}) as server:
        mailbox = await open_pop3(Endpoint("127.0.0.1", server.port), "bob", "secret")
        try:
            with pytest.raises(SourceError, match=f"{command} on .* was refused") as refused:
                await mailbox.listing()
        finally:
            await mailbox.abort()
    assert refused.value.retry_after == 300
