"""Mail exchangers, asked of a name server that this test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from shared.model.errors import Fault
from shared.net.errors import NameLookupFailed
from shared.net.mx import MOST_EXCHANGERS, exchangers, ordered


class NameServer(asyncio.DatagramProtocol):
    """Answers with `records`; a domain that is not there does not exist, None is silence."""

    def __init__(self, records: dict[str, list[str] | None]) -> None:
        self._records = records
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is none by its class

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        name = question.question[0].name
        answer = dns.message.make_response(question)
        records = self._records.get(name.to_text(omit_final_dot=True), [])
        if records is None:
            return
        if name.to_text(omit_final_dot=True) not in self._records:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        if records:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "MX", *records))
        assert self._transport is not None
        self._transport.sendto(answer.to_wire(), address)


@asynccontextmanager
async def resolver(**records: list[str] | None) -> AsyncIterator[dns.asyncresolver.Resolver]:
    loop = asyncio.get_running_loop()
    zone = {f"{name}.example": data for name, data in records.items()}
    transport, _ = await loop.create_datagram_endpoint(lambda: NameServer(zone), ("127.0.0.1", 0))
    asked = dns.asyncresolver.Resolver(configure=False)
    asked.nameservers = ["127.0.0.1"]
    asked.port = transport.get_extra_info("sockname")[1]
    try:
        yield asked
    finally:
        transport.close()


async def of(domain: str, asked: dns.asyncresolver.Resolver, seconds: float = 5) -> list[str]:
    return await exchangers(domain, seconds=seconds, fault=Fault.TARGET, resolver=asked)


async def test_the_most_preferred_comes_first() -> None:
    async with resolver(corp=["20 mx2.corp.example.", "10 mx1.corp.example."]) as asked:
        assert await of("corp.example", asked) == ["mx1.corp.example", "mx2.corp.example"]


async def test_a_domain_without_exchangers_is_its_own() -> None:
    async with resolver(corp=[]) as asked:
        assert await of("corp.example", asked) == ["corp.example"]


async def test_a_domain_that_takes_no_mail_is_a_failed_lookup() -> None:
    async with resolver(corp=["0 ."]) as asked:
        with pytest.raises(NameLookupFailed, match="takes no mail"):
            await of("corp.example", asked)


async def test_a_domain_that_does_not_exist_is_a_failed_lookup() -> None:
    async with resolver() as asked:
        with pytest.raises(NameLookupFailed, match="no domain"):
            await of("corp.example", asked)


async def test_a_name_server_that_says_nothing_is_not_waited_for_longer_than_allowed() -> None:
    async with resolver(corp=None) as asked:
        with pytest.raises(NameLookupFailed, match="too long"):
            await of("corp.example", asked, seconds=0.05)


def test_equals_are_taken_by_chance_and_not_too_many() -> None:
    chances = iter([0.9, 0.1, 0.5])
    assert ordered([(10, "a."), (10, "b."), (5, "c.")], lambda: next(chances)) == ["c", "b", "a"]
    assert len(ordered([(10, f"mx{n}.") for n in range(50)], lambda: 0.5)) == MOST_EXCHANGERS
