"""The likely mistake where a server does not speak the configured protocol: a wrong port, scheme or kind of
TLS.

It is found by what the server sent, or, where it sent nothing, by the port's number.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import quoted
from shared.net.dial import dial
from shared.net.errors import NetworkError, NotTls, TlsFailed

LOOK_TIMEOUT = 5.0
"""Seconds to wait for what a server sends in clear, which only makes the error's sentence better."""
MOST_SHOWN = 80
NEWLINE = b"\n"

POP3, SMTP, LMTP = "POP3", "SMTP", "LMTP"
IMAP, HTTP, SSH, TLS = "IMAP", "HTTP", "SSH", "TLS"

_GREETINGS = (
    (re.compile(rb"\+OK|-ERR", re.IGNORECASE), POP3),
    (re.compile(rb"\* (?:OK|PREAUTH|BYE)", re.IGNORECASE), IMAP),
    (re.compile(rb"[245]\d\d(?:[ -]|\r?\n)"), SMTP),
    (re.compile(rb"HTTP/|<(?:!doctype|html)", re.IGNORECASE), HTTP),
    (re.compile(rb"SSH-"), SSH),
    (re.compile(rb"[\x15\x16]\x03"), TLS),
)


class Usual(NamedTuple):
    """The usual service of a port, and whether TLS begins with the first octet there."""

    service: str
    by_tls: bool = False


_PORTS: Mapping[int, Usual] = MappingProxyType(
    {
        22: Usual(SSH),
        25: Usual(SMTP),
        80: Usual(HTTP),
        110: Usual(POP3),
        143: Usual(IMAP),
        443: Usual(HTTP, by_tls=True),
        465: Usual(SMTP, by_tls=True),
        587: Usual(SMTP),
        993: Usual(IMAP, by_tls=True),
        995: Usual(POP3, by_tls=True),
        8080: Usual(HTTP),
        8443: Usual(HTTP, by_tls=True),
    }
)
_PLAIN_PORT: Mapping[str, int] = MappingProxyType({POP3: 110, IMAP: 143, SMTP: 25})
_TLS_PORT: Mapping[str, int] = MappingProxyType({POP3: 995, IMAP: 993, SMTP: 465})


def service_of(said: bytes) -> str | None:
    """Return the protocol of a server by its first octets; None if they are not known."""
    return next((service for pattern, service in _GREETINGS if pattern.match(said)), None)


def likely_mistake(wanted: str, endpoint: Endpoint, said: bytes = b"") -> str:
    """Return a sentence on what to write instead, or "".

    `wanted` is POP3, IMAP, SMTP or LMTP. `said` are the server's first octets, in clear where TLS failed.
    """
    if endpoint.unix_path is not None:
        return ""
    seen = service_of(said)
    if seen == SMTP and wanted == LMTP:
        return ""  # They greet alike.
    if seen is None:
        return "" if said else _by_number(wanted, endpoint)
    if seen == TLS:
        return _expects_tls(wanted, endpoint)
    if seen != wanted:
        return f"Port {endpoint.port} speaks {seen}, not {wanted}: {_instead(wanted)}."
    return _in_clear(wanted, endpoint) if endpoint.tls is Tls.IMPLICIT else ""


def _by_number(wanted: str, endpoint: Endpoint) -> str:
    usual = _PORTS.get(endpoint.port)
    if usual is None:
        return ""
    if usual.service != wanted:
        return f"Port {endpoint.port} is usually {usual.service}, not {wanted}: {_instead(wanted)}."
    if usual.by_tls == (endpoint.tls is Tls.IMPLICIT):
        return ""
    return _expects_tls(wanted, endpoint) if usual.by_tls else _in_clear(wanted, endpoint)


def _expects_tls(wanted: str, endpoint: Endpoint) -> str:
    if wanted == LMTP:
        return f"Port {endpoint.port} expects TLS at once: {_instead(wanted)}."
    scheme, plain = wanted.lower(), _PLAIN_PORT[wanted]
    return (
        f"Port {endpoint.port} expects TLS at once: use {scheme}s://, "
        f'or {scheme}:// at port {plain} with tls = "required".'
    )


def _in_clear(wanted: str, endpoint: Endpoint) -> str:
    scheme = wanted.lower()
    return (
        f"Port {endpoint.port} speaks {wanted} without TLS at once: use {scheme}:// with "
        f'tls = "required", or {scheme}s:// at port {_TLS_PORT[wanted]}.'
    )


def _instead(wanted: str) -> str:
    scheme = wanted.lower()
    if wanted == LMTP:
        return "use lmtp:// at port 24"
    return f"use {scheme}s:// at port {_TLS_PORT[wanted]}, or {scheme}:// at port {_PLAIN_PORT[wanted]}"


def with_mistake(sentence: str, wanted: str, endpoint: Endpoint, said: bytes = b"") -> str:
    """Return the sentence of an error, followed by the likely mistake if there is one."""
    return f"{sentence} {likely_mistake(wanted, endpoint, said)}".rstrip()


async def explained(error: TlsFailed, wanted: str, endpoint: Endpoint) -> TlsFailed:
    """Return the error of a handshake, or `NotTls` where the server answered it in clear.

    Connects once more to see what the server says; nothing is sent.
    """
    cause = error.__cause__
    if not (isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER"):
        return error
    said = await _look(endpoint, error)
    words = (
        f" but said: {quoted(said.split(NEWLINE)[0][:MOST_SHOWN].strip())}"
        if said.strip()
        else ", it speaks in clear"
    )
    sentence = f"TLS with {endpoint} failed: the server does not answer by TLS{words}."
    return NotTls(with_mistake(sentence, wanted, endpoint, said), fault=error.fault)


async def _look(endpoint: Endpoint, error: TlsFailed) -> bytes:
    """Return the first octets that the server sends in clear; b"" if it sends none."""
    try:
        connection = await dial(
            replace(endpoint, tls=Tls.OFF),
            connect_timeout=LOOK_TIMEOUT,
            inactivity_timeout=LOOK_TIMEOUT,
            fault=error.fault,
        )
    except NetworkError:
        return b""
    try:
        return await connection.read()
    except NetworkError:
        return b""
    finally:
        connection.abort()
