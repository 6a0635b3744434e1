"""Every test runs on asyncio's own loop and on uvloop: see conftest.py."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.net.connection import Connection
from shared.net.dial import dial
from shared.net.errors import (
    CertificateNotPinned,
    ConnectFailed,
    ConnectionLost,
    DeadlineExceeded,
    InactivityTimeout,
    NameLookupFailed,
    NetworkError,
    TlsFailed,
    TlsInjection,
)
from shared.net.stream import READ_LIMIT
from tests.fakes.certificates import Certificate, make_certificate

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@asynccontextmanager
async def serving(serve: Serve, **how: Any) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError, ssl.SSLError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, **how)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def dialled(endpoint: Endpoint, *, inactivity: float = 5, connect: float = 5) -> Connection:
    return await dial(endpoint, connect_timeout=connect, inactivity_timeout=inactivity, fault=Fault.TARGET)


async def fails(kind: type[NetworkError], attempt: Awaitable[object]) -> str:
    with pytest.raises(kind) as caught:
        await attempt
    assert caught.value.temporary
    assert caught.value.fault is Fault.TARGET
    return str(caught.value)


def tls_state(connection: Connection) -> str:
    return "encrypted" if connection.is_tls else "clear"


async def until_end(connection: Connection) -> bytes:
    data = b""
    while piece := await connection.read():
        data += piece
    return data


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def test_what_is_written_arrives_and_what_arrives_is_read() -> None:
    async with serving(echo) as port:
        connection = await dialled(Endpoint("127.0.0.1", port))
        connection.write([b"a", memoryview(b"b")])
        connection.write(b"c")
        await connection.drain()
        data = b""
        while len(data) < 3:
            data += await connection.read()
        assert data == b"abc"
        assert not connection.is_tls
        await connection.close()


async def test_bytes_before_the_end_are_read_before_the_end() -> None:
    async def burst(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 3_000_000)
        await writer.drain()

    async with serving(burst) as port:
        connection = await dialled(Endpoint("127.0.0.1", port))
        assert await until_end(connection) == b"x" * 3_000_000
        assert await connection.read() == b""
        await connection.close()


async def test_a_slow_reader_holds_a_bounded_amount() -> None:
    stalled = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)
        while True:
            writer.write(b"x" * 65536)
            try:
                await asyncio.wait_for(writer.drain(), 0.2)
            except TimeoutError:
                stalled.set()
                return

    async with serving(flood) as port:
        connection = await dialled(Endpoint("127.0.0.1", port))
        await stalled.wait()
        assert len(await connection.read()) < 2 * READ_LIMIT
        connection.abort()


async def test_a_read_that_was_cancelled_loses_nothing() -> None:
    async with serving(echo) as port:
        connection = await dialled(Endpoint("127.0.0.1", port))
        reading = asyncio.create_task(connection.read())
        await asyncio.sleep(0)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        connection.write(b"kept")
        assert await connection.read() == b"kept"
        connection.abort()


async def test_silence_ends_in_an_inactivity_timeout() -> None:
    async with serving(hold) as port:
        connection = await dialled(Endpoint("127.0.0.1", port), inactivity=0.05)
        sentence = await fails(InactivityTimeout, connection.read())
        assert sentence == f"127.0.0.1:{port} sent nothing for 0.05 seconds."
        connection.abort()


async def test_a_deadline_ends_what_moves_too_slowly_for_ever() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b".")
            await asyncio.sleep(0.01)

    async with serving(drip) as port:
        connection = await dialled(Endpoint("127.0.0.1", port), inactivity=60)
        connection.set_deadline(0.1)
        await fails(DeadlineExceeded, until_end(connection))
        connection.set_deadline(None)
        assert await connection.read()
        connection.abort()


async def test_a_server_that_takes_nothing_ends_in_an_inactivity_timeout() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of start_server always reads
        await asyncio.Event().wait()

    async with serving(deaf) as port:
        connection = await dialled(Endpoint("127.0.0.1", port), inactivity=0.05)

        async def flood() -> None:
            while True:
                connection.write(b"x" * 1_000_000)
                await connection.drain()

        assert "took nothing" in await fails(InactivityTimeout, flood())
        connection.abort()


async def test_a_reset_is_a_lost_connection() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with serving(reset) as port:
        connection = await dialled(Endpoint("127.0.0.1", port))
        assert "was lost" in await fails(ConnectionLost, connection.read())
        assert "was lost" in await fails(ConnectionLost, connection.drain())
        with pytest.raises(ConnectionLost):
            connection.write(b"x")
        await connection.close()


async def test_a_port_where_nobody_listens_is_a_failed_connect() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        sentence = await fails(ConnectFailed, dialled(Endpoint("127.0.0.1", port)))
        assert sentence == f"Connecting to 127.0.0.1:{port} failed: Connection refused."


@pytest.mark.parametrize("host", ["", "no-such-host.invalid", "a" * 300, "nul\0.example", ".."])
async def test_a_name_that_does_not_exist_is_a_failed_lookup(host: str) -> None:
    sentence = await fails(NameLookupFailed, dialled(Endpoint(host, 110)))
    assert sentence.isprintable()


@pytest.mark.parametrize("port", [-1, 0, 70000])
async def test_a_port_that_does_not_exist_is_an_error_of_ours(port: int) -> None:
    await fails(NetworkError, dialled(Endpoint("127.0.0.1", port)))


async def test_a_unix_socket_is_dialled_by_its_path(tmp_path: Path) -> None:
    path = str(tmp_path / "lmtp")

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello")
        writer.close()

    server = await asyncio.start_unix_server(greet, path)
    connection = await dialled(Endpoint("", 0, unix_path=path))
    assert await until_end(connection) == b"220 hello"
    await connection.close()
    server.close()
    assert path in await fails(ConnectFailed, dialled(Endpoint("", 0, unix_path=path + "-missing")))


@pytest.fixture
def trusted(certificate: Certificate) -> Callable[..., Endpoint]:
    def endpoint(
        port: int, tls: Tls = Tls.IMPLICIT, host: str = "localhost", verify: bool = True
    ) -> Endpoint:
        return Endpoint(host, port, tls, verify=verify, ca_file=certificate.ca_file)

    return endpoint


async def test_implicit_tls_is_verified_and_carries_data(
    certificate: Certificate, trusted: Callable[..., Endpoint]
) -> None:
    async with serving(echo, ssl=certificate.server_context()) as port:
        connection = await dialled(trusted(port))
        assert connection.is_tls
        connection.write(b"x" * 1_000_000)
        await connection.drain()
        received = 0
        while received < 1_000_000:
            received += len(await connection.read())
        await connection.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Certificate) -> None:
    async with serving(echo, ssl=certificate.server_context()) as port:
        sentence = await fails(TlsFailed, dialled(Endpoint("localhost", port, Tls.IMPLICIT)))
        assert sentence.startswith(
            f"TLS with localhost:{port} failed: the certificate is not trusted (self-signed"
        )


async def test_a_certificate_of_another_host_is_refused(
    tmp_path: Path, trusted: Callable[..., Endpoint]
) -> None:
    other = make_certificate(tmp_path, "DNS:other.example")
    async with serving(echo, ssl=other.server_context()) as port:
        endpoint = Endpoint("localhost", port, Tls.IMPLICIT, ca_file=other.ca_file)
        assert "not trusted" in await fails(TlsFailed, dialled(endpoint))


async def test_verification_is_switched_off_only_by_name(certificate: Certificate) -> None:
    async with serving(echo, ssl=certificate.server_context()) as port:
        connection = await dialled(Endpoint("localhost", port, Tls.IMPLICIT, verify=False))
        assert connection.is_tls
        connection.abort()


def pinned(certificate: Certificate, port: int, tls: Tls = Tls.IMPLICIT) -> Endpoint:
    der = ssl.PEM_cert_to_DER_cert(certificate.certificate.read_text())
    return Endpoint("127.0.0.1", port, tls, pin=f"sha256:{hashlib.sha256(der).hexdigest()}")


async def test_a_pinned_certificate_needs_no_authority_and_no_name(tmp_path: Path) -> None:
    nameless = make_certificate(tmp_path, "DNS:other.example")
    async with serving(echo, ssl=nameless.server_context()) as port:
        connection = await dialled(pinned(nameless, port))
        assert connection.is_tls
        connection.abort()


async def test_another_certificate_than_the_pinned_one_is_refused_though_an_authority_vouches_for_it(
    certificate: Certificate, tmp_path: Path
) -> None:
    other = make_certificate(tmp_path)
    async with serving(echo, ssl=certificate.server_context()) as port:
        endpoint = replace(pinned(other, port), ca_file=certificate.ca_file)
        sentence = await fails(CertificateNotPinned, dialled(endpoint))
        assert "not the pinned one" in sentence
        assert str(pinned(certificate, port).pin) in sentence


async def test_start_tls_accepts_the_pinned_certificate(certificate: Certificate) -> None:
    async with serving(upgrading(certificate)) as port:
        connection = await dialled(pinned(certificate, port, Tls.REQUIRED))
        connection.write(b"STLS\r\n")
        await connection.read()
        await connection.start_tls(pinned(certificate, port, Tls.REQUIRED))
        assert await connection.read() == b"encrypted"
        connection.abort()


async def test_start_tls_with_another_certificate_than_the_pinned_one_closes_the_connection(
    certificate: Certificate, tmp_path: Path
) -> None:
    async with serving(upgrading(certificate)) as port:
        endpoint = pinned(make_certificate(tmp_path), port, Tls.REQUIRED)
        connection = await dialled(endpoint)
        connection.write(b"STLS\r\n")
        await connection.read()
        await fails(CertificateNotPinned, connection.start_tls(endpoint))
        while not connection._stream.closed:
            await connection._stream.change(5)
        with pytest.raises(ConnectionLost):
            connection.write(b"PASS secret\r\n")


async def test_the_name_of_the_host_is_told_to_the_server_as_tls_begins(
    certificate: Certificate, trusted: Callable[..., Endpoint]
) -> None:
    names: list[str | None] = []
    context = certificate.server_context()
    context.sni_callback = lambda _secured, name, _context: names.append(name)
    async with serving(echo, ssl=context) as port:
        connection = await dialled(trusted(port))
        connection.abort()
        assert names == ["localhost"]


async def test_the_certificate_of_a_connection_is_known_though_it_is_not_verified(
    certificate: Certificate,
) -> None:
    async with serving(echo, ssl=certificate.server_context()) as port:
        connection = await dialled(Endpoint("localhost", port, Tls.IMPLICIT, verify=False))
        assert connection.certificate == ssl.PEM_cert_to_DER_cert(certificate.certificate.read_text())
        connection.abort()
        in_clear = Endpoint("localhost", port)
        connection = await dialled(in_clear)
        assert connection.certificate is None
        connection.abort()


async def test_old_versions_of_tls_are_refused(
    certificate: Certificate, trusted: Callable[..., Endpoint]
) -> None:
    context = certificate.server_context()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with serving(echo, ssl=context) as port:
        await fails(TlsFailed, dialled(trusted(port)))


async def test_a_server_that_speaks_no_tls_is_a_failed_handshake(trusted: Callable[..., Endpoint]) -> None:
    async def clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+OK this is no TLS\r\n")
        await reader.read()

    async with serving(clear) as port:
        await fails(TlsFailed, dialled(trusted(port)))


async def test_a_handshake_that_never_answers_ends_at_the_deadline(trusted: Callable[..., Endpoint]) -> None:
    async with serving(hold) as port:
        await fails(TlsFailed, dialled(trusted(port), connect=0.1))


async def test_an_authority_file_that_is_missing_is_a_failed_handshake(certificate: Certificate) -> None:
    async with serving(echo, ssl=certificate.server_context()) as port:
        endpoint = Endpoint("localhost", port, Tls.IMPLICIT, ca_file="/nonexistent/ca.pem")
        assert "No such file" in await fails(TlsFailed, dialled(endpoint))


def upgrading(certificate: Certificate, behind: bytes = b"") -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"+OK\r\n" + behind)
        await writer.drain()
        loop = asyncio.get_running_loop()
        protocol = writer.transport.get_protocol()
        transport = await loop.start_tls(
            writer.transport, protocol, certificate.server_context(), server_side=True
        )
        assert transport is not None
        transport.write(b"encrypted")

    return serve


async def test_start_tls_encrypts_a_connection_that_began_in_clear(
    certificate: Certificate, trusted: Callable[..., Endpoint]
) -> None:
    async with serving(upgrading(certificate)) as port:
        connection = await dialled(trusted(port, Tls.REQUIRED))
        assert tls_state(connection) == "clear"
        connection.write(b"STLS\r\n")
        assert await connection.read() == b"+OK\r\n"
        await connection.start_tls(trusted(port, Tls.REQUIRED))
        assert tls_state(connection) == "encrypted"
        assert await connection.read() == b"encrypted"
        connection.abort()


async def test_bytes_that_wait_at_the_switch_to_tls_are_an_attack(
    certificate: Certificate, trusted: Callable[..., Endpoint]
) -> None:
    async with serving(upgrading(certificate, b"+OK injected\r\n")) as port:
        connection = await dialled(trusted(port, Tls.REQUIRED))
        connection.write(b"STLS\r\n")
        while connection._stream.held < 19:
            await connection._stream.change(5)
        assert "tamper" in await fails(TlsInjection, connection.start_tls(trusted(port, Tls.REQUIRED)))
        assert not connection.is_tls


async def test_start_tls_with_a_certificate_that_nobody_vouches_for_closes_the_connection(
    certificate: Certificate,
) -> None:
    async with serving(upgrading(certificate)) as port:
        endpoint = Endpoint("localhost", port, Tls.REQUIRED)
        connection = await dialled(endpoint)
        connection.write(b"STLS\r\n")
        await connection.read()
        await fails(TlsFailed, connection.start_tls(endpoint))
        while not connection._stream.closed:
            await connection._stream.change(5)
        with pytest.raises(ConnectionLost):
            connection.write(b"PASS secret\r\n")


async def test_start_tls_that_never_answers_ends_in_time() -> None:
    async with serving(hold) as port:
        endpoint = Endpoint("127.0.0.1", port, Tls.REQUIRED)
        connection = await dialled(endpoint, inactivity=0.1)
        await fails(TlsFailed, connection.start_tls(endpoint))
