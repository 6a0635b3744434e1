"""Sessions are resumed by the next connection, and only where that is as safe as a full handshake.

What runs on a loop runs on asyncio's own and on uvloop: see conftest.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.net.certificates import fingerprint
from shared.net.connection import Connection
from shared.net.dial import dial
from shared.net.errors import CertificateNotPinned, CertificateUntrusted, NetworkError
from shared.net.resumption import (
    FULL_HANDSHAKE_EVERY,
    MOST_OF_SERVER,
    MOST_SESSIONS,
    Handshake,
    Server,
    Sessions,
)
from tests.fakes.certificates import Certificate, make_certificate

GREETING = b"+OK\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def renewed(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("renewed"))


@dataclass
class Greeter:
    """A server that greets and closes upon a line; `resumed` says of each connection what it was."""

    port: int = 0
    resumed: list[bool] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.resumed.append(writer.get_extra_info("ssl_object").session_reused)
            writer.write(GREETING)
            await reader.readline()
            writer.close()


@asynccontextmanager
async def serving(context: ssl.SSLContext, port: int = 0) -> AsyncIterator[Greeter]:
    greeter = Greeter()
    server = await asyncio.start_server(greeter.serve, "127.0.0.1", port, ssl=context)
    greeter.port = server.sockets[0].getsockname()[1]
    try:
        yield greeter
    finally:
        server.close()


@asynccontextmanager
async def serving_starttls(context: ssl.SSLContext) -> AsyncIterator[Greeter]:
    greeter = Greeter()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await reader.readline()
            writer.write(GREETING)
            await writer.start_tls(context)
            await greeter.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    greeter.port = server.sockets[0].getsockname()[1]
    try:
        yield greeter
    finally:
        server.close()


def endpoint_of(greeter: Greeter, certificate: Certificate) -> Endpoint:
    return Endpoint("localhost", greeter.port, Tls.IMPLICIT, ca_file=certificate.ca_file)


async def greeted(endpoint: Endpoint) -> Connection:
    connection = await dial(endpoint, connect_timeout=10, inactivity_timeout=10, fault=Fault.SOURCE)
    if endpoint.tls is not Tls.IMPLICIT:
        connection.write(b"STLS\r\n")
        assert await connection.read() == GREETING
        await connection.start_tls(endpoint)
    assert await connection.read() == GREETING
    return connection


async def visit(endpoint: Endpoint) -> bytes | None:
    """Connect and close in good order; return the certificate that was seen."""
    connection = await greeted(endpoint)
    certificate = connection.certificate
    await connection.close()
    return certificate


async def test_the_next_connection_resumes_and_sees_the_same_certificate(certificate: Certificate) -> None:
    async with serving(certificate.server_context()) as greeter:
        endpoint = endpoint_of(greeter, certificate)
        seen = {await visit(endpoint) for _ in range(4)}
    assert greeter.resumed == [False, True, True, True]
    assert seen == {ssl.PEM_cert_to_DER_cert(certificate.certificate.read_text())}


async def test_tls_that_a_command_begins_is_resumed_too(certificate: Certificate) -> None:
    async with serving_starttls(certificate.server_context()) as greeter:
        endpoint = replace(endpoint_of(greeter, certificate), tls=Tls.REQUIRED)
        for _ in range(2):
            await visit(endpoint)
    assert greeter.resumed == [False, True]


async def test_a_session_is_taken_where_the_server_closed_first(certificate: Certificate) -> None:
    async with serving(certificate.server_context()) as greeter:
        for _ in range(2):
            connection = await greeted(endpoint_of(greeter, certificate))
            connection.write(b"QUIT\r\n")
            assert await connection.read() == b""
            await connection.close()
    assert greeter.resumed == [False, True]


async def test_a_session_is_used_once(certificate: Certificate) -> None:
    async with serving(certificate.server_context()) as greeter:
        endpoint = endpoint_of(greeter, certificate)
        await visit(endpoint)
        both = [await greeted(endpoint), await greeted(endpoint)]
        assert greeter.resumed == [False, True, False]
        for each in both:
            await each.close()
        for each in [await greeted(endpoint), await greeted(endpoint)]:
            await each.close()
    assert greeter.resumed[3:] == [True, True]


async def test_a_connection_that_was_aborted_leaves_no_session(certificate: Certificate) -> None:
    async with serving(certificate.server_context()) as greeter:
        for _ in range(2):
            (await greeted(endpoint_of(greeter, certificate))).abort()
    assert greeter.resumed == [False, False]


async def test_a_session_belongs_to_one_host_and_port(certificate: Certificate) -> None:
    context = certificate.server_context()
    async with serving(context) as first, serving(context) as second:
        endpoint = endpoint_of(first, certificate)
        await visit(endpoint)
        await visit(endpoint_of(second, certificate))
        await visit(replace(endpoint, host="127.0.0.1"))
        await visit(endpoint)
    assert (first.resumed, second.resumed) == ([False, False, True], [False])


async def test_the_name_is_checked_although_a_session_is_kept(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "DNS:localhost")
    async with serving(certificate.server_context()) as greeter:
        endpoint = endpoint_of(greeter, certificate)
        await visit(endpoint)
        with pytest.raises(CertificateUntrusted):
            await visit(replace(endpoint, host="127.0.0.1"))


async def test_a_session_that_was_not_verified_is_never_used_where_the_server_is_verified(
    certificate: Certificate,
) -> None:
    async with serving(certificate.server_context()) as greeter:
        endpoint = endpoint_of(greeter, certificate)
        for _ in range(2):
            await visit(replace(endpoint, verify=False, ca_file=None))
        assert greeter.resumed == [False, True]
        with pytest.raises(CertificateUntrusted):
            await visit(replace(endpoint, ca_file=None))
        greeter.resumed.clear()
        await visit(endpoint)
    assert greeter.resumed == [False]


async def test_a_certificate_that_changed_is_refused(certificate: Certificate, renewed: Certificate) -> None:
    async with serving(certificate.server_context()) as greeter:
        endpoint = endpoint_of(greeter, certificate)
        seen = await visit(endpoint)
        assert seen is not None
        pinned = replace(endpoint, pin=fingerprint(seen))
        await visit(pinned)
    async with serving(renewed.server_context(), greeter.port) as other:
        with pytest.raises(CertificateUntrusted):
            await visit(endpoint)
        with pytest.raises(CertificateNotPinned):
            await visit(pinned)
    assert not any(other.resumed)


async def test_another_pin_is_refused_although_the_session_is_resumed(certificate: Certificate) -> None:
    async with serving(certificate.server_context()) as greeter:
        endpoint = endpoint_of(greeter, certificate)
        seen = await visit(endpoint)
        assert seen is not None
        await visit(replace(endpoint, pin=fingerprint(seen)))
        for _ in range(2):
            with pytest.raises(CertificateNotPinned):
                await visit(replace(endpoint, pin="sha256:" + "0" * 64))
        await visit(replace(endpoint, pin=fingerprint(seen)))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_without_tickets_works(certificate: Certificate, version: ssl.TLSVersion) -> None:
    context = certificate.server_context()
    context.maximum_version = context.minimum_version = version
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    async with serving(context) as greeter:
        seen = {await visit(endpoint_of(greeter, certificate)) for _ in range(3)}
    assert len(seen) == 1
    assert len(greeter.resumed) == 3


async def test_tls_1_2_is_resumed_too(certificate: Certificate) -> None:
    context = certificate.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(context) as greeter:
        for _ in range(3):
            await visit(endpoint_of(greeter, certificate))
    assert greeter.resumed == [False, True, True]


async def test_after_a_handshake_that_failed_nothing_is_resumed_for_a_while(certificate: Certificate) -> None:
    context = certificate.server_context()
    async with serving(context) as greeter:
        endpoint = endpoint_of(greeter, certificate)
        await visit(endpoint)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    broken = await asyncio.start_server(hang_up, "127.0.0.1", greeter.port)
    with pytest.raises(NetworkError):
        await visit(endpoint)
    broken.close()
    async with serving(context, greeter.port) as again:
        for _ in range(2):
            await visit(endpoint)
    assert again.resumed == [False, False]


SERVER = Server("pop.example", 995)


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Ended:
    """A connection as `keep` sees it; what it resumed is for the test to say."""

    def __init__(self, *, resumed: bool = False, ticket: bool = True, number: int = 0) -> None:
        self.session_reused = resumed
        self.session = SimpleNamespace(has_ticket=ticket, id=b"", number=number)


def one_visit(sessions: Sessions, server: Server = SERVER, *, ticket: bool = True, number: int = 0) -> bool:
    """Take a session if there is one, and keep that of the connection; return whether one was resumed."""
    offered = sessions.take(server)
    ended = cast(ssl.SSLObject, Ended(resumed=offered is not None, ticket=ticket, number=number))
    sessions.begin(ended, server, offered)
    sessions.keep(ended)
    return offered is not None


def test_the_certificate_is_shown_again_however_often_a_session_was_resumed() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    resumed = []
    for _ in range(130):
        resumed.append(one_visit(sessions))
        clock.seconds += FULL_HANDSHAKE_EVERY / 60
    assert [place for place, each in enumerate(resumed) if not each] == [0, 60, 120]


def test_a_session_without_a_ticket_is_not_kept() -> None:
    sessions = Sessions(Clock())
    one_visit(sessions, ticket=False)
    assert len(sessions) == 0


def test_a_connection_that_nobody_announced_is_not_kept() -> None:
    sessions = Sessions(Clock())
    sessions.keep(cast(ssl.SSLObject, Ended()))
    assert len(sessions) == 0


def test_one_server_has_few_sessions_and_the_newest_is_used_first() -> None:
    sessions = Sessions(Clock())
    ends = [cast(ssl.SSLObject, Ended(number=number)) for number in range(MOST_OF_SERVER + 5)]
    for each in ends:
        sessions.begin(each, SERVER, None)
    for each in ends:
        sessions.keep(each)
    assert len(sessions) == MOST_OF_SERVER
    newest = sessions.take(SERVER)
    assert newest is not None
    assert newest.session is ends[-1].session


def test_memory_is_bounded_and_the_server_without_visits_for_longest_goes_first() -> None:
    sessions = Sessions(Clock())
    for port in range(MOST_SESSIONS + 10):
        one_visit(sessions, Server("pop.example", port))
    assert len(sessions) == MOST_SESSIONS
    assert sessions.take(Server("pop.example", 9)) is None
    assert sessions.take(Server("pop.example", 10)) is not None
    assert len(sessions) == MOST_SESSIONS - 1


def test_a_server_that_failed_rests_and_is_tried_again_later() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    one_visit(sessions)
    sessions.rest(SERVER)
    assert len(sessions) == 0
    assert [one_visit(sessions) for _ in range(2)] == [False, False]
    clock.seconds += FULL_HANDSHAKE_EVERY
    assert [one_visit(sessions) for _ in range(2)] == [False, True]


def test_only_a_handshake_that_was_to_resume_blames_the_session() -> None:
    sessions = Sessions(Clock())
    one_visit(sessions)
    begun = Handshake(*SERVER)
    with pytest.raises(OSError, match="refused"), begun.announced():
        raise OSError("refused")
    assert len(sessions) == 1
    begun.offered_by = sessions
    with pytest.raises(OSError, match="refused"), begun.announced():
        raise OSError("refused")
    assert len(sessions) == 0
