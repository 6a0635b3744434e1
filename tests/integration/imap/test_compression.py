"""Compression with Dovecot and its plugin imap_zlib (RFC 4978), spoken by hand."""

from __future__ import annotations

import re

import pytest

from shared.imap.compressed_wire import CompressedWire
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.net.dial import dial
from shared.net.login.wire import Wire
from tests.servers.dovecot import Dovecot

CONSENT = re.compile(rb"(?m)^b OK[^\r\n]*\r\n")
MAILS = [
    b"Subject: small\r\n\r\nHello.\r\n",
    b"Subject: zeros\r\n\r\n" + (b"0" * 76 + b"\r\n") * 20_000,
    b"Subject: many\r\n\r\n" + b"".join(b"%d\r\n" % (n * n * 7919) for n in range(50_000)),
]


async def logged_in(dovecot: Dovecot, tls: Tls) -> Wire:
    """Return a connection on which a user with `MAILS` is logged in, and INBOX is selected."""
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS)
    port = dovecot.imaps_port if tls is Tls.IMPLICIT else dovecot.imap_port
    endpoint = Endpoint("localhost", port, tls, ca_file=str(dovecot.certificate.chain))
    wire = await dial(endpoint, connect_timeout=20, inactivity_timeout=20, fault=Fault.SOURCE)
    wire.set_deadline(60)
    wire.write(f"a LOGIN {login.name} {login.password}\r\ns SELECT INBOX\r\n".encode())
    assert b"COMPRESS=DEFLATE" in await answered(wire, re.compile(rb"(?m)^s OK[^\r\n]*\r\n"))
    return wire


async def answered(wire: Wire, end: re.Pattern[bytes]) -> bytes:
    """Return what comes up to the tagged answer `end`, and all that came with it."""
    came = b""
    while not end.search(came, max(0, len(came) - 1_000_000)):
        data = await wire.read()
        assert data, came[-200:]
        came += data
    return came


async def compressed(wire: Wire, ahead: bytes = b"") -> CompressedWire:
    wire.write(b"b COMPRESS DEFLATE\r\n" + ahead)
    came = await answered(wire, CONSENT)
    consent = CONSENT.search(came)
    assert consent is not None
    return CompressedWire(wire, "localhost", came[consent.end() :])


@pytest.mark.parametrize("tls", [Tls.OFF, Tls.IMPLICIT])
async def test_mails_come_byte_exact(dovecot: Dovecot, tls: Tls) -> None:
    wire = await compressed(await logged_in(dovecot, tls))
    wire.write(b"c FETCH 1:* (BODY.PEEK[])\r\n")
    came = await answered(wire, re.compile(rb"(?m)^c OK"))
    for mail in MAILS:
        assert b"{%d}\r\n%s)\r\n" % (len(mail), mail) in came
    assert wire.is_tls == (tls is Tls.IMPLICIT)
    assert (wire.certificate is not None) == wire.is_tls
    await wire.close()


async def test_commands_are_answered_one_by_one_and_together(dovecot: Dovecot) -> None:
    wire = await compressed(await logged_in(dovecot, Tls.OFF))
    for number in range(20):
        wire.write(b"n%d NOOP\r\n" % number)
        await answered(wire, re.compile(rb"(?m)^n%d OK" % number))
    for number in range(20, 200):
        wire.write(b"n%d NOOP\r\n" % number)
    await wire.drain()
    await answered(wire, re.compile(rb"(?m)^n199 OK"))
    wire.write(b"z LOGOUT\r\n")
    assert b"* BYE" in await answered(wire, re.compile(rb"(?m)^z OK"))
    assert await wire.read() == b""
    await wire.close()
