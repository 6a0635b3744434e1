"""The greeting of a guessed server, over TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shared.autoconfig.candidate import IMAP, POP3
from shared.autoconfig.fetching import Web
from shared.autoconfig.network import Internet
from shared.net.errors import NetworkError
from tests.fakes.certificates import Certificate, make_certificate
from tests.servers.ports import LOOPBACK


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


async def greets(certificate: Certificate, greeting: bytes, protocol: str, *, trusted: bool = True) -> bool:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(greet, LOOPBACK, 0, ssl=certificate.server_context())
    port = server.sockets[0].getsockname()[1]
    web = Web(ca_file=certificate.ca_file if trusted else None, seconds=40.0)
    try:
        return await Internet(web).greets(protocol, "localhost", port)
    finally:
        server.close()


@pytest.mark.parametrize(
    ("greeting", "protocol", "fits"),
    [
        (b"* OK ready\r\n", IMAP, True),
        (b"* PREAUTH ready\r\n", IMAP, True),
        (b"+OK ready\r\n", POP3, True),
        (b"+OK ready\r\n", IMAP, False),
        (b"* OK ready\r\n", POP3, False),
        (b"220 smtp\r\n", IMAP, False),
        (b"", IMAP, False),
    ],
)
async def test_a_server_is_known_by_its_greeting(
    certificate: Certificate, greeting: bytes, protocol: str, fits: bool
) -> None:
    assert await greets(certificate, greeting, protocol) is fits


async def test_a_greeting_behind_a_certificate_that_is_not_trusted_does_not_count(
    certificate: Certificate,
) -> None:
    with pytest.raises(NetworkError):
        await greets(certificate, b"* OK ready\r\n", IMAP, trusted=False)


async def test_a_greeting_without_end_is_read_only_in_part(certificate: Certificate, tmp_path: Path) -> None:
    assert await greets(certificate, b"* OK " + b"x" * 1_000_000, IMAP)
