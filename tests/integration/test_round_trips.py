"""How many round trips a poll costs that finds nothing: each is a wait for a server far away."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from services.fetcher.mailboxes.imap_opening import open_imap
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.imap.limits import Options as ImapOptions
from shared.model.endpoint import Endpoint, Tls
from shared.net.login.connecting import dial_source
from shared.net.login.wire import Timeouts, Wire
from shared.pop3.known_capabilities import KnownCapabilities
from shared.pop3.limits import Options as Pop3Options
from tests.fakes.imap_server import ImapServer
from tests.fakes.pop3_server import Pop3Server

MAIL = b"Subject: kept\r\n\r\nkept\r\n"
PLAIN = ["UIDL", "SASL PLAIN"]


class CountingWire:
    """Hands everything on to a connection, and counts how often an answer was waited for."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._was_written = False
        self.round_trips = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)

    def write(self, data: bytes) -> None:
        self._was_written = True
        self._wire.write(data)

    async def read(self) -> bytes:
        self.round_trips += self._was_written
        self._was_written = False
        return await self._wire.read()


class Dialler:
    """Dials one connection and keeps it."""

    def __init__(self, protocol: str) -> None:
        self._dial = partial(dial_source, protocol=protocol)
        self.wire: CountingWire | None = None

    async def __call__(self, endpoint: Endpoint, timeouts: Timeouts) -> Wire:
        self.wire = CountingWire(await self._dial(endpoint, timeouts))
        return self.wire

    @property
    def round_trips(self) -> int:
        assert self.wire is not None
        return self.wire.round_trips


async def poll(server: Pop3Server, options: Pop3Options) -> int:
    """Poll a mailbox by POP3; return the round trips."""
    dialler = Dialler("POP3")
    endpoint = Endpoint("127.0.0.1", server.port, Tls.OFF)
    mailbox = await open_pop3(endpoint, "u", "secret", auth=["plain"], options=options, dialled=dialler)
    assert await mailbox.fingerprint() != ""
    await mailbox.finish()
    return dialler.round_trips


@pytest.mark.parametrize("mails", [[], [("uid", MAIL)]])
async def test_an_empty_poll_by_pop3_waits_four_times_where_the_server_pipelines(
    mails: list[tuple[str, bytes]],
) -> None:
    async with Pop3Server({"u": mails}, capabilities=[*PLAIN, "PIPELINING"]) as server:
        assert await poll(server, Pop3Options()) == 4, server.commands


async def test_without_pipelining_the_second_poll_of_an_empty_mailbox_waits_four_times() -> None:
    async with Pop3Server({"u": []}, capabilities=PLAIN) as server:
        options = Pop3Options(known=KnownCapabilities())
        assert [await poll(server, options) for _ in range(2)] == [5, 4], server.commands
        server.capabilities = [*PLAIN, "TOP"]
        assert await poll(server, options) == 5, "what it says has changed"


@pytest.mark.parametrize("reads_only", [False, True])
async def test_an_empty_poll_by_imap_waits_three_times(*, reads_only: bool) -> None:
    async with ImapServer({"u": [MAIL]}) as server:
        dialler = Dialler("IMAP")
        options = ImapOptions(reads_only=reads_only)
        endpoint = Endpoint("127.0.0.1", server.port, Tls.OFF)
        mailbox = await open_imap(endpoint, "u", "secret", auth=["plain"], options=options, dialled=dialler)
        assert await mailbox.fingerprint() != ""
        await mailbox.finish()
        assert dialler.round_trips == 3, server.commands
