"""A name server on loopback: it answers what it is told to, or nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[str, Mapping[str, Sequence[str]] | None]
"""The records of each name by their type; None for a name about which nothing is ever answered."""


class NameServer(asyncio.DatagramProtocol):
    """`asked` counts the questions by name and type. `silent` types are never answered."""

    def __init__(self, zone: Zone, ttl: int = 60, silent: Sequence[str] = ()) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.port = 0
        self._zone = zone
        self._ttl = ttl
        self._silent = silent
        self._transport: asyncio.DatagramTransport | None = None
        self._heard = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def heard(self, questions: int) -> None:
        """Wait until so many different questions came."""
        async with self._heard:
            await self._heard.wait_for(lambda: len(self.asked) >= questions)

    async def _tell(self) -> None:
        async with self._heard:
            self._heard.notify_all()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is none by its class

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        asked = question.question[0]
        name, kind = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
        self.asked[name, kind] += 1
        task = asyncio.ensure_future(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        records = self._zone.get(name, {})
        if records is None or kind in self._silent:
            return
        answer = dns.message.make_response(question)
        if name not in self._zone:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        if values := records.get(kind):
            answer.answer.append(dns.rrset.from_text(asked.name, self._ttl, "IN", kind, *values))
        assert self._transport is not None
        self._transport.sendto(answer.to_wire(), address)


@asynccontextmanager
async def name_server(zone: Zone, ttl: int = 60, silent: Sequence[str] = ()) -> AsyncIterator[NameServer]:
    server = NameServer(zone, ttl, silent)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, ("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()


def configured(directory: Path, server: NameServer, extra: str = "") -> Path:
    """A resolv.conf that names `server`."""
    path = directory / "resolv.conf"
    path.write_text(f"nameserver 127.0.0.1\n{extra}", encoding="ascii")
    return path
