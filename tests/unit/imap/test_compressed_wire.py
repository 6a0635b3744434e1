"""A compressed connection: what arrives early, limits on what comes out, and the connection beneath."""

from __future__ import annotations

import zlib

import pytest

from shared.imap import commands
from shared.imap.compressed_wire import CompressedWire
from shared.imap.deflate import MOST_AT_ONCE
from shared.imap.events import Broken, CompressionStarted, Exists, Reply
from shared.imap.limits import Limits
from shared.model.endpoint import Endpoint
from shared.model.source_errors import LimitExceeded, SourceViolation
from shared.net.errors import DeadlineExceeded, Misused
from tests.fakes.scripted import ScriptedWire
from tests.unit.imap.cores import DEFAULT, Session, by_octet, selected
from tests.unit.imap.test_deflate import compressed

SERVER = "imap.example:143"
MIB = 1024 * 1024
EXISTS = b"* 7 EXISTS\r\n"


class Overdue(ScriptedWire):
    """Its time is used up."""

    async def read(self) -> bytes:
        raise DeadlineExceeded("used up")


def wire_over(*reads: bytes, received: bytes = b"") -> tuple[CompressedWire, ScriptedWire]:
    beneath = ScriptedWire(reads)
    return CompressedWire(beneath, SERVER, received), beneath


async def read_all(wire: CompressedWire) -> bytes:
    came = b""
    while data := await wire.read():
        assert len(data) <= MOST_AT_ONCE
        came += data
    return came


async def test_octets_behind_the_consent_are_the_first_of_the_stream() -> None:
    stream = compressed(EXISTS, EXISTS)
    for place in range(len(stream)):
        wire, _ = wire_over(stream[place:], received=stream[:place])
        assert await read_all(wire) == EXISTS * 2


async def test_the_session_goes_on_where_the_consent_ends() -> None:
    session = selected(DEFAULT)
    session.send(commands.COMPRESS)
    events = session.receive(b"$1 OK deflate\r\n" + compressed(EXISTS))
    started = next(each for each in events if isinstance(each, CompressionStarted))
    assert any(isinstance(each, Reply) for each in events)
    wire, _ = wire_over(received=started.received)
    assert session.core.receive(await wire.read()) == [Exists(7)]


async def test_a_read_never_returns_nothing_before_the_end() -> None:
    stream = compressed(EXISTS, EXISTS)
    wire, _ = wire_over(*by_octet(stream))
    assert await read_all(wire) == EXISTS * 2


async def test_what_is_written_is_compressed_and_can_be_inflated_at_once() -> None:
    wire, beneath = wire_over()
    sent, server = 0, zlib.decompressobj(-zlib.MAX_WBITS)
    for command in (b"x71 NOOP\r\n", b"x72 LOGOUT\r\n"):
        wire.write(command)
        assert server.decompress(beneath.sent[sent:]) == command
        sent = len(beneath.sent)


async def test_a_line_that_inflates_to_gigabytes_is_an_error_after_a_few_pieces() -> None:
    bomb = compressed(*[b"*" * MIB] * 200)
    session = Session(Limits())
    wire, _ = wire_over(bomb)
    read = 0
    while True:
        data = await wire.read()
        read += len(data)
        if events := session.core.receive(data):
            break
    assert isinstance(events[-1], Broken)
    assert isinstance(events[-1].error, LimitExceeded)
    assert read <= 2 * MOST_AT_ONCE


async def test_garbage_ends_the_session() -> None:
    wire, _ = wire_over(b"* OK in clear\r\n")
    with pytest.raises(SourceViolation, match="inflated"):
        await read_all(wire)


async def test_errors_and_deadlines_are_those_of_the_connection_beneath() -> None:
    beneath = Overdue(())
    wire = CompressedWire(beneath, SERVER, compressed(EXISTS))
    wire.set_deadline(5)
    assert await wire.read() == EXISTS
    with pytest.raises(DeadlineExceeded):
        await wire.read()
    assert beneath.deadlines == [5]


async def test_tls_cannot_begin_any_more() -> None:
    wire, beneath = wire_over()
    with pytest.raises(Misused):
        await wire.start_tls(Endpoint("imap.example", 143))
    assert not beneath.is_tls


async def test_it_is_encrypted_and_closed_as_the_connection_beneath() -> None:
    wire, beneath = wire_over()
    assert (wire.is_tls, wire.certificate) == (False, None)
    beneath.is_tls = True
    assert wire.is_tls
    await wire.drain()
    await wire.close()
    assert beneath.ended == "closed"
    wire, beneath = wire_over()
    wire.abort()
    assert beneath.ended == "aborted"


async def test_the_inactivity_timeout_is_that_of_the_connection_beneath() -> None:
    wire, beneath = wire_over()
    wire.inactivity_timeout = 600.0
    assert beneath.inactivity_timeout == wire.inactivity_timeout == 600.0
