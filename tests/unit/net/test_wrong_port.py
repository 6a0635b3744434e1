"""The likely mistake where a server does not speak what is configured."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.net.dial import dial
from shared.net.errors import NotTls, TlsFailed
from shared.net.wrong_port import IMAP, LMTP, POP3, SMTP, explained, likely_mistake, service_of

AT_POP3 = "use pop3s:// at port 995, or pop3:// at port 110."
AT_SMTP = "use smtps:// at port 465, or smtp:// at port 25."
AT_IMAP = "use imaps:// at port 993, or imap:// at port 143."
BY_IMAP = "To fetch by IMAP there, use imaps:// or imap://."
BY_POP3 = "To fetch by POP3 there, use pop3s:// or pop3://."
ODD = 4711


def at(port: int, tls: Tls = Tls.WANTED) -> Endpoint:
    return Endpoint("mail.example", port, tls)


@pytest.mark.parametrize(
    ("said", "service"),
    [
        (b"+OK Dovecot ready.\r\n", "POP3"),
        (b"-ERR busy\r\n", "POP3"),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP"),
        (b"220 mail.example ESMTP Postfix\r\n", "SMTP"),
        (b"220-wait\r\n", "SMTP"),
        (b"554 go away\r\n", "SMTP"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"<html>", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "TLS"),
        (b"2200 bottles", None),
        (b"hello", None),
        (b"", None),
    ],
)
def test_a_server_is_known_by_what_it_sends_first(said: bytes, service: str | None) -> None:
    assert service_of(said) == service


@pytest.mark.parametrize(
    ("wanted", "endpoint", "said", "sentence"),
    [
        (
            POP3,
            at(110, Tls.IMPLICIT),
            b"+OK ready\r\n",
            (
                'Port 110 speaks POP3 without TLS at once: use pop3:// with tls = "required", or pop3s:// at '
                "port 995."
            ),
        ),
        (
            POP3,
            at(995),
            b"",
            'Port 995 expects TLS at once: use pop3s://, or pop3:// at port 110 with tls = "required".',
        ),
        (
            POP3,
            at(ODD),
            b"\x15\x03\x03\x00\x02\x02\x0a",
            'Port 4711 expects TLS at once: use pop3s://, or pop3:// at port 110 with tls = "required".',
        ),
        (POP3, at(ODD), b"* OK IMAP4rev1\r\n", f"Port 4711 speaks IMAP, not POP3: {AT_POP3} {BY_IMAP}"),
        (POP3, at(993, Tls.IMPLICIT), b"* OK\r\n", f"Port 993 speaks IMAP, not POP3: {AT_POP3} {BY_IMAP}"),
        (POP3, at(993), b"", f"Port 993 is usually IMAP, not POP3: {AT_POP3} {BY_IMAP}"),
        (POP3, at(25), b"220 mail\r\n", f"Port 25 speaks SMTP, not POP3: {AT_POP3}"),
        (POP3, at(80), b"", f"Port 80 is usually HTTP, not POP3: {AT_POP3}"),
        (POP3, at(443, Tls.IMPLICIT), b"", f"Port 443 is usually HTTP, not POP3: {AT_POP3}"),
        (
            SMTP,
            at(587, Tls.IMPLICIT),
            b"220 mail\r\n",
            (
                'Port 587 speaks SMTP without TLS at once: use smtp:// with tls = "required", or smtps:// at '
                "port 465."
            ),
        ),
        (
            SMTP,
            at(465),
            b"",
            'Port 465 expects TLS at once: use smtps://, or smtp:// at port 25 with tls = "required".',
        ),
        (SMTP, at(110), b"+OK\r\n", f"Port 110 speaks POP3, not SMTP: {AT_SMTP}"),
        (SMTP, at(ODD), b"HTTP/1.1 400\r\n", f"Port 4711 speaks HTTP, not SMTP: {AT_SMTP}"),
        (LMTP, at(24), b"+OK\r\n", "Port 24 speaks POP3, not LMTP: use lmtp:// at port 24."),
        (LMTP, at(995), b"", "Port 995 is usually POP3, not LMTP: use lmtp:// at port 24."),
        (LMTP, at(ODD), b"220 mail LMTP\r\n", ""),
        (
            IMAP,
            at(143, Tls.IMPLICIT),
            b"* OK ready\r\n",
            (
                'Port 143 speaks IMAP without TLS at once: use imap:// with tls = "required", or imaps:// at '
                "port 993."
            ),
        ),
        (
            IMAP,
            at(143, Tls.IMPLICIT),
            b"",
            (
                'Port 143 speaks IMAP without TLS at once: use imap:// with tls = "required", or imaps:// at '
                "port 993."
            ),
        ),
        (
            IMAP,
            at(993),
            b"",
            'Port 993 expects TLS at once: use imaps://, or imap:// at port 143 with tls = "required".',
        ),
        (
            IMAP,
            at(ODD),
            b"\x15\x03\x03\x00\x02\x02\x0a",
            'Port 4711 expects TLS at once: use imaps://, or imap:// at port 143 with tls = "required".',
        ),
        (IMAP, at(110), b"+OK ready\r\n", f"Port 110 speaks POP3, not IMAP: {AT_IMAP} {BY_POP3}"),
        (IMAP, at(995), b"", f"Port 995 is usually POP3, not IMAP: {AT_IMAP} {BY_POP3}"),
        (IMAP, at(995), b"\x15\x03\x01", f"Port 995 is usually POP3, not IMAP: {AT_IMAP} {BY_POP3}"),
        (POP3, at(993), b"\x15\x03\x01", f"Port 993 is usually IMAP, not POP3: {AT_POP3} {BY_IMAP}"),
        (IMAP, at(25), b"220 mail\r\n", f"Port 25 speaks SMTP, not IMAP: {AT_IMAP}"),
        (IMAP, at(443, Tls.IMPLICIT), b"", f"Port 443 is usually HTTP, not IMAP: {AT_IMAP}"),
        (SMTP, at(143), b"* OK\r\n", f"Port 143 speaks IMAP, not SMTP: {AT_SMTP}"),
        (IMAP, at(143), b"", ""),
        (IMAP, at(993, Tls.IMPLICIT), b"", ""),
        (IMAP, at(ODD), b"* PREAUTH\r\n", ""),
        (POP3, at(110), b"", ""),
        (POP3, at(995, Tls.IMPLICIT), b"", ""),
        (POP3, at(ODD), b"", ""),
        (POP3, at(995), b"something else\r\n", ""),
        (POP3, at(ODD), b"+OK\r\n", ""),
        (SMTP, Endpoint("", 465, unix_path="/run/lmtp"), b"", ""),
    ],
)
def test_the_likely_mistake_is_named_by_what_was_sent_or_else_by_the_port(
    wanted: str, endpoint: Endpoint, said: bytes, sentence: str
) -> None:
    assert likely_mistake(wanted, endpoint, said) == sentence


@given(
    st.sampled_from([POP3, IMAP, SMTP, LMTP]),
    st.integers(1, 65535) | st.sampled_from([25, 80, 110, 143, 443, 465, 587, 993, 995]),
    st.sampled_from(Tls),
    st.binary(max_size=20) | st.sampled_from([b"+OK\r\n", b"* OK\r\n", b"220 x\r\n", b"\x15\x03\x01"]),
)
def test_whatever_is_sent_and_wherever_it_is_one_whole_sentence_or_none(
    wanted: str, port: int, tls: Tls, said: bytes
) -> None:
    sentence = likely_mistake(wanted, at(port, tls), said)
    assert sentence == "" or (sentence.startswith(f"Port {port} ") and sentence.endswith("."))


@asynccontextmanager
async def saying(first: bytes, to_anything: bytes = b"") -> AsyncIterator[Endpoint]:
    """A server that says `first`, and `to_anything` to what it hears."""

    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.write(first)
        with contextlib.suppress(ConnectionError):
            if await reader.read(100) and to_anything:
                writer.write(to_anything)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], Tls.IMPLICIT)
        for writer in connections:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def failure(endpoint: Endpoint) -> TlsFailed:
    with pytest.raises(TlsFailed) as caught:
        await dial(endpoint, connect_timeout=5, inactivity_timeout=5, fault=Fault.SOURCE)
    return await explained(caught.value, POP3, endpoint)


async def test_a_server_that_answers_tls_in_clear_is_looked_at_and_quoted() -> None:
    async with saying(b"* OK IMAP ready\r\n") as endpoint:
        error = await failure(endpoint)
    assert isinstance(error, NotTls)
    assert "does not answer by TLS but said: * OK IMAP ready" in str(error)
    assert str(error).endswith(f"Port {endpoint.port} speaks IMAP, not POP3: {AT_POP3} {BY_IMAP}")


async def test_a_server_that_only_answers_is_said_to_speak_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.net.wrong_port.LOOK_TIMEOUT", 0.1)
    async with saying(b"", b"HTTP/1.1 400 Bad Request\r\n\r\n") as endpoint:
        error = await failure(endpoint)
    assert isinstance(error, NotTls)
    assert str(error).endswith("does not answer by TLS, it speaks in clear.")


async def test_another_failure_of_tls_is_left_as_it_is() -> None:
    error = TlsFailed("the certificate is not trusted", fault=Fault.SOURCE)
    assert await explained(error, POP3, at(995, Tls.IMPLICIT)) is error
