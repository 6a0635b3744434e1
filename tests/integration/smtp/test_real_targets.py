"""The SMTP client and real servers: Postfix, and smtp-sink in both protocols."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.model.endpoint import Endpoint, Tls
from shared.model.target import Target
from shared.smtp.client import SmtpClient, connect
from shared.smtp.envelope import Envelope, Mail, Phase
from shared.smtp.pool import ConnectionPool, PoolLimits
from shared.smtp.target import connect_target
from tests.fakes.mails import corpus_mails
from tests.fakes.tls import is_resumed
from tests.servers.available import require, unavailable
from tests.servers.directory import is_root, server_directory
from tests.servers.postfix import Postfix
from tests.servers.smtp_sink import SmtpSink

HELO = "relay.here.test"


@pytest.fixture(scope="module")
def exact_postfix() -> Iterator[Postfix]:
    """A Postfix that adds and removes no header fields but its trace."""
    require("postfix")
    if not is_root():
        unavailable("only root can start a Postfix")
    settings = "local_header_rewrite_clients =\nmessage_drop_headers =\nalways_add_missing_headers = no\n"
    with server_directory("postfix") as directory, Postfix(directory, settings=settings) as server:
        yield server


async def to_postfix(postfix: Postfix, tls: Tls = Tls.OFF) -> SmtpClient:
    endpoint = Endpoint("127.0.0.1", postfix.port, tls, verify=False)
    return await connect(endpoint, helo_name=HELO)


def pool_to(port: int, limit: int = 2) -> ConnectionPool:
    endpoint = Endpoint("127.0.0.1", port)
    return ConnectionPool(
        endpoint, PoolLimits(limit), connect=lambda: connect(endpoint, helo_name=HELO), clock=lambda: 0.0
    )


def stored(mail: bytes) -> bytes:
    """What Postfix was given: without the header fields on top that it wrote itself."""
    _, _, own = mail.partition(b"\nX-Tag: ")
    return b"X-Tag: " + own


def lines(mail: bytes) -> bytes:
    """The same with LF line ends, as Postfix stores it."""
    return mail.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


async def test_postfix_accepts_mail_after_mail_with_the_next_envelope_pipelined(
    exact_postfix: Postfix,
) -> None:
    pool = pool_to(exact_postfix.port)
    mails = [b"X-Tag: ahead %d\r\n\r\n.\r\ntext %d\r\n" % (number, number) for number in range(30)]
    envelope = Envelope("", ("ahead@target.example",))
    for replies in await asyncio.gather(*(pool.deliver_mail(envelope, mail) for mail in mails)):
        assert [each.reply.code for each in replies] == [250]
    await pool.close()
    delivered = await asyncio.to_thread(exact_postfix.wait_for, "ahead@target.example", len(mails))
    assert sorted(map(stored, delivered)) == sorted(map(lines, mails))


async def test_the_next_session_with_postfix_resumes_tls(postfix: Postfix) -> None:
    resumed = []
    for _ in range(3):
        client = await to_postfix(postfix, Tls.REQUIRED)
        resumed.append(is_resumed(client._dialogue.stream))
        await client.quit()
    assert resumed[1:] == [True, True]


async def test_postfix_refuses_one_of_three_between_two_other_mails(postfix: Postfix) -> None:
    pool = pool_to(postfix.port, limit=1)
    good = Envelope("", ("mixed@target.example",))
    mixed = Envelope("", ("mixed@target.example", "nobody1@target.example", "mixed2@target.example"))
    ends = await asyncio.gather(
        *(pool.deliver_mail(each, b"X-Tag: mixed\r\n\r\n") for each in (good, mixed, good, mixed, good))
    )
    assert [[each.reply.code for each in replies] for replies in ends] == [
        [250],
        [250, 550, 250],
        [250],
        [250, 550, 250],
        [250],
    ]
    await pool.close()


@pytest.mark.parametrize("chunk_from", [1, 2**40], ids=["BDAT", "DATA"])
@pytest.mark.parametrize("path", corpus_mails())
async def test_every_real_mail_arrives_in_postfix_as_it_is(
    exact_postfix: Postfix, path: Path, chunk_from: int
) -> None:
    """As a body, since Postfix has its own mind about what a header may be."""
    raw = b"X-Tag: real\r\n\r\n" + await asyncio.to_thread(path.read_bytes)
    address = f"{hashlib.sha256(path.name.encode()).hexdigest()[:20]}-{chunk_from}@target.example"
    client = await to_postfix(exact_postfix)
    assert client.extensions.chunking
    (reply,) = await SmtpClient(client.session, chunk_from).send_mail(Mail(Envelope("", (address,)), raw))
    await client.quit()
    assert (reply.reply.code, reply.phase) == (250, Phase.CONTENT)
    (delivered,) = await asyncio.to_thread(exact_postfix.wait_for, address, 1)
    expected = lines(raw)
    assert stored(delivered) == (expected if expected.endswith(b"\n") else expected + b"\n")


@pytest.mark.parametrize("chunk_from", [1, 2**40], ids=["BDAT", "DATA"])
@pytest.mark.parametrize(
    "end", [b"\n.\r\n", b"\r\n.\n", b"\n.\n", b"\r.\r", b"\r\n.\r", b"\r\r\n.\r\r\n", b"\0.\r\n"]
)
async def test_a_line_that_looks_like_the_end_of_a_mail_is_none(
    exact_postfix: Postfix, end: bytes, chunk_from: int
) -> None:
    smuggled = (
        b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<victim@target.example>\r\nDATA\r\nX-Tag: smuggled\r\n\r\n"
    )
    raw = b"X-Tag: %s %d\r\n\r\ntext" % (end.hex().encode(), chunk_from) + end + smuggled
    address = f"smuggling-{end.hex()}-{chunk_from}@target.example"
    client = await to_postfix(exact_postfix)
    (reply,) = await SmtpClient(client.session, chunk_from).send_mail(Mail(Envelope("", (address,)), raw))
    assert reply.reply.positive
    await client.quit()
    (delivered,) = await asyncio.to_thread(exact_postfix.wait_for, address, 1)
    assert b"X-Tag: smuggled" in delivered
    assert exact_postfix.delivered("victim@target.example") == []


async def test_a_stream_goes_to_postfix_by_chunks_and_through_tls(exact_postfix: Postfix) -> None:
    client = await to_postfix(exact_postfix, Tls.REQUIRED)
    assert client.is_tls
    line = b"A line of a large mail that is never there as a whole.\r\n"

    async def content() -> AsyncIterator[bytes]:
        yield b"X-Tag: large\r\n\r\n"
        for _ in range(60):
            yield line * 1000

    (reply,) = await client.send_mail(Mail(Envelope("", ("large@target.example",)), content()))
    assert reply.reply.positive
    await client.quit()
    (delivered,) = await asyncio.to_thread(exact_postfix.wait_for, "large@target.example", 1)
    assert stored(delivered) == lines(b"X-Tag: large\r\n\r\n" + line * 60_000)


async def test_postfix_is_asked_who_exists_and_gets_no_mail(postfix: Postfix) -> None:
    target = Target("postfix", Endpoint("127.0.0.1", postfix.port))
    client = await connect_target(target, helo_name=HELO)
    replies = await client.ask_about("", ("asked@target.example", "nobody2@target.example"))
    await client.quit()
    assert [each.reply.code for each in replies] == [250, 550]


async def test_the_lmtp_sink_answers_for_each(lmtp_sink: SmtpSink) -> None:
    client = await connect(Endpoint("127.0.0.1", lmtp_sink.port), helo_name=HELO, lmtp=True)
    for number in range(3):
        replies = await client.send_mail(
            Mail(Envelope("s@x.example", ("a@x.example", "b@x.example")), b"Subject: %d\r\n\r\n" % number)
        )
        assert [(each.reply.positive, each.phase) for each in replies] == [(True, Phase.CONTENT)] * 2
    await client.quit()
    assert len(await asyncio.to_thread(lmtp_sink.mails)) == 3


async def test_where_tls_is_wanted_an_untrusted_certificate_means_encrypted_and_unverified(
    exact_postfix: Postfix,
) -> None:
    client = await connect(Endpoint("127.0.0.1", exact_postfix.port, Tls.WANTED), helo_name=HELO)
    (reply,) = await client.send_mail(
        Mail(Envelope("", ("untrusted@target.example",)), b"X-Tag: tls\r\n\r\n")
    )
    assert reply.reply.positive
    assert client.is_tls
    await client.quit()
    assert client.shortfall is not None
    assert client.shortfall.encrypted
    (delivered,) = await asyncio.to_thread(exact_postfix.wait_for, "untrusted@target.example", 1)
    assert b"X-Tag: tls" in delivered
