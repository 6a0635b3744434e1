"""Where connections may lead: checked once, on the address that is connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from shared.model.address_policy import AddressPolicy
from shared.model.endpoint import Endpoint
from shared.model.errors import Fault
from shared.net.connection import Connection
from shared.net.dial import Address, dial
from shared.net.errors import AddressRefused

PUBLIC_ONLY = AddressPolicy(public_only=True)


async def dialled(endpoint: Endpoint) -> Connection:
    return await dial(endpoint, connect_timeout=5, inactivity_timeout=5, fault=Fault.SOURCE)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "localhost",
        "::1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
    ],
)
async def test_no_way_of_writing_it_leads_into_a_private_network(host: str) -> None:
    with pytest.raises(AddressRefused, match="must not be connected to") as refused:
        await dialled(Endpoint(host, 25, addresses=PUBLIC_ONLY))
    assert refused.value.fault is Fault.OPERATOR


async def test_a_local_socket_is_not_public(tmp_path: Path) -> None:
    with pytest.raises(AddressRefused):
        await dialled(Endpoint("", 0, unix_path=str(tmp_path / "s"), addresses=PUBLIC_ONLY))


@asynccontextmanager
async def greeting() -> AsyncIterator[int]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def test_a_name_is_looked_up_once_and_only_its_allowed_addresses_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def changing_its_mind(endpoint: Endpoint, _until: float, _fault: Fault) -> list[Address]:
        asked.append(endpoint.host)
        return [Address(socket.AF_INET, (where, endpoint.port)) for where in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr("shared.net.dial._lookup", changing_its_mind)
    policy = AddressPolicy(denied=(ip_network("127.0.0.2/32"),))
    async with greeting() as port:
        connection = await dialled(Endpoint("changing.example", port, addresses=policy))
        assert connection._stream.transport.get_extra_info("peername") == ("127.0.0.1", port)
        connection.abort()
    assert asked == ["changing.example"]


async def test_without_a_policy_this_machine_is_as_good_as_any() -> None:
    async with greeting() as port:
        connection = await dialled(Endpoint("127.0.0.1", port))
        connection.abort()
