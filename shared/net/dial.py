"""Connect to a mail server: name lookup, connect, TLS, each with its share of one deadline.

Promises: `dial` returns a usable `Connection` within `connect_timeout` seconds or raises a `NetworkError`
whose sentence names the step that failed; nothing is read or sent in clear where the endpoint says implicit
TLS; no socket is left behind on failure. A name is looked up once, and only an address that the endpoint's
policy allows is connected to: the one that was checked, even if the name has another one by then.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

from shared.model.address_policy import AddressPolicy
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault, quoted
from shared.net.connection import Connection
from shared.net.errors import AddressRefused, ConnectFailed, NameLookupFailed, reason_of, tls_failed
from shared.net.resumption import Handshake
from shared.net.stream import ByteStream
from shared.net.tls import client_context

MOST_ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class Address:
    """An address of the host, in the form of the socket module."""

    family: int
    where: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes] | str


async def dial(
    endpoint: Endpoint, *, connect_timeout: float, inactivity_timeout: float, fault: Fault
) -> Connection:
    """Connect to `endpoint`. With `Tls.IMPLICIT` the connection is encrypted when it is returned.

    `connect_timeout`: seconds for lookup, connect and handshake together. `inactivity_timeout`: seconds
    without a byte that every later read and write allows. `fault`: whose server this is, for the errors.

    Raises `NameLookupFailed`, `AddressRefused`, `ConnectFailed` or `TlsFailed`; the latter too if a pinned
    certificate is not the one that the server shows.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + connect_timeout
    addresses = _allowed(endpoint, await _lookup(endpoint, until, fault))
    sock = await _connected(endpoint, addresses, until, fault)
    stream, handshake = ByteStream(loop), Handshake(endpoint.host, endpoint.port)
    try:
        with handshake.announced():
            await _attach(loop, stream, sock, endpoint, until)
    except (OSError, ValueError) as error:
        sock.close()
        raise tls_failed(str(endpoint), error, fault) from error
    except BaseException:
        sock.close()
        raise
    connection = Connection(
        stream, endpoint, handshake, inactivity_timeout=inactivity_timeout, fault=fault, loop=loop
    )
    if connection.is_tls:
        connection.check_pin(endpoint)
    return connection


async def _lookup(endpoint: Endpoint, until: float, fault: Fault) -> list[Address]:
    if endpoint.unix_path is not None:
        return [Address(socket.AF_UNIX, endpoint.unix_path)]
    literal = _numeric(endpoint.host, endpoint.port)
    if literal:
        return literal
    if not endpoint.host or not endpoint.host.isprintable():
        raise NameLookupFailed(f"This is no host to connect to: {quoted(endpoint.host)!r}.", fault=fault)
    from shared.net.resolver import ADDRESS_BOOK  # noqa: PLC0415 - the DNS library takes 0.1 s to load

    found = await ADDRESS_BOOK.addresses(endpoint.host, until=until, fault=fault)
    return [address for each in found for address in _numeric(each, endpoint.port)]


def _numeric(host: str, port: int) -> list[Address]:
    """Return the address if the host is one, in any form. No name server is asked, so that nothing waits."""
    if not host:
        return []
    try:
        found = socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST
        )
    except (OSError, ValueError):
        return []
    return [Address(family, _with_port(where, port)) for family, _, _, _, where in found]


def _with_port(
    where: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes], port: int
) -> tuple[str, int] | tuple[str, int, int, int]:
    match where:
        case (str(address), _, flow, scope):
            return address, port, flow, scope
        case _:
            return str(where[0]), port


def _allowed(endpoint: Endpoint, addresses: list[Address]) -> list[Address]:
    if not endpoint.addresses.restricts:
        return addresses[:MOST_ADDRESSES]
    allowed = [each for each in addresses if _is_allowed(endpoint.addresses, each)]
    if addresses and not allowed:
        raise AddressRefused(
            f"{endpoint} is at an address that must not be connected to: the configuration forbids it by "
            "addresses or deny_addresses."
        )
    return allowed[:MOST_ADDRESSES]


def _is_allowed(policy: AddressPolicy, address: Address) -> bool:
    """Return whether the policy allows the address. A Unix socket is on this machine, which is not public."""
    if address.family == socket.AF_UNIX:
        return not policy.public_only
    assert isinstance(address.where, tuple)
    try:
        where = ipaddress.ip_address(str(address.where[0]).partition("%")[0])
    except ValueError:
        return False
    return policy.allows(where)


async def _connected(
    endpoint: Endpoint, addresses: list[Address], until: float, fault: Fault
) -> socket.socket:
    """Return a socket connected to the first address that answers; each gets an equal share of the time."""
    loop = asyncio.get_running_loop()
    reason = "it has no address"
    for position, address in enumerate(addresses):
        share = (until - loop.time()) / (len(addresses) - position)
        try:
            async with asyncio.timeout(share):
                return await _connect(loop, address)
        except (OSError, OverflowError, ValueError) as error:
            reason = reason_of(error)
    raise ConnectFailed(f"Connecting to {endpoint} failed: {reason}.", fault=fault)


async def _connect(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if address.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await loop.sock_connect(sock, address.where)
    except BaseException:
        sock.close()
        raise
    return sock


async def _attach(
    loop: asyncio.AbstractEventLoop, stream: ByteStream, sock: socket.socket, endpoint: Endpoint, until: float
) -> None:
    if endpoint.tls is not Tls.IMPLICIT:
        await loop.create_connection(lambda: stream, sock=sock)
        return
    await loop.create_connection(
        lambda: stream,
        sock=sock,
        ssl=client_context(endpoint),
        server_hostname=endpoint.host,
        ssl_handshake_timeout=max(until - loop.time(), 0.001),
    )
