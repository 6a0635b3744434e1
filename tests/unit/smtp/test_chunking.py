"""BDAT: large mails and such with NULs by their length (RFC 3030)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.smtp.client import SmtpClient
from shared.smtp.content_sender import CHUNK
from shared.smtp.envelope import Envelope, Mail, Phase
from shared.smtp.errors import ConnectionLost
from shared.smtp.transaction import CHUNK_FROM
from tests.fakes.scripted_stream import ScriptedStream
from tests.fakes.smtp_client import client_for

OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING\r\n"
TO_BOB = Envelope("", ("bob@corp.example",))
ENVELOPE = b"MAIL FROM:<> %bRCPT TO:<bob@corp.example>\r\n"
AGREED = b"250 sender\r\n250 recipient\r\n"
LARGE = b"Subject: x\r\n\r\n" + b"A line.\r\n" * (CHUNK_FROM // 9 + 1)


async def chunking(*reads: bytes) -> tuple[SmtpClient, ScriptedStream]:
    stream = ScriptedStream(*reads)
    return await client_for(stream, OFFER), stream


async def pieces(*pieces: bytes | Exception) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


async def test_a_large_mail_goes_as_one_chunk_unstuffed_and_without_end_mark() -> None:
    mail = LARGE + b".\r\n..dots\r\n"
    client, stream = await chunking(AGREED, b"250 2.0.0 taken\r\n")
    (reply,) = await client.send_mail(Mail(TO_BOB, mail))
    assert (reply.reply.code, reply.phase) == (250, Phase.CONTENT)
    assert stream.writes == [
        b"MAIL FROM:<>\r\nRCPT TO:<bob@corp.example>\r\n",
        b"BDAT %d LAST\r\n" % len(mail) + mail,
    ]
    assert client.usable


async def test_a_mail_with_a_nul_goes_by_its_length() -> None:
    client, stream = await chunking(AGREED, b"250 taken\r\n")
    await client.send_mail(Mail(TO_BOB, b"a\0b\r\n"))
    assert stream.writes[-1] == b"BDAT 5 LAST\r\na\0b\r\n"


async def test_an_ordinary_mail_goes_by_data() -> None:
    client, stream = await chunking(AGREED + b"354 go\r\n", b"250 taken\r\n")
    await client.send_mail(Mail(TO_BOB, b"Subject: x\r\n"))
    assert stream.writes[-1] == b"Subject: x\r\n.\r\n"


async def test_line_ends_become_crlf_there_too() -> None:
    client, stream = await chunking(AGREED, b"250 taken\r\n")
    await client.send_mail(Mail(TO_BOB, b"a\0\n.\r\n\rb"))
    assert stream.writes[-1] == b"BDAT 10 LAST\r\na\0\r\n.\r\n\r\nb"


async def test_a_stream_goes_in_chunks_each_answered() -> None:
    client, stream = await chunking(AGREED, b"250 chunk\r\n", b"250 chunk\r\n", b"250 taken\r\n")
    parts = [bytes([65 + part]) * (CHUNK // 2) for part in range(5)]
    (reply,) = await client.send_mail(Mail(TO_BOB, pieces(*parts)))
    assert reply.reply.positive
    sizes = [line.split(b"\r\n")[0] for line in stream.writes[1:]]
    assert sizes == [b"BDAT %d" % CHUNK, b"BDAT %d" % CHUNK, b"BDAT %d LAST" % (CHUNK // 2)]
    assert b"".join(write.partition(b"\r\n")[2] for write in stream.writes[1:]) == b"".join(parts)


async def test_a_line_end_cut_between_chunks_is_one() -> None:
    client, stream = await chunking(AGREED, b"250 chunk\r\n", b"250 taken\r\n")
    await client.send_mail(Mail(TO_BOB, pieces(b"x" * CHUNK + b"\r", b"\nend\n")))
    content = b"".join(write.partition(b"\r\n")[2] for write in stream.writes[1:])
    assert content == b"x" * CHUNK + b"\r\nend\r\n"


async def test_a_stream_without_a_byte_is_an_empty_last_chunk() -> None:
    client, stream = await chunking(AGREED, b"250 taken\r\n")
    await client.send_mail(Mail(TO_BOB, pieces()))
    assert stream.writes[-1] == b"BDAT 0 LAST\r\n"


async def test_a_chunk_that_is_refused_is_the_end_of_the_mail() -> None:
    client, stream = await chunking(AGREED, b"552 5.3.4 too large\r\n")
    (reply,) = await client.send_mail(Mail(TO_BOB, pieces(*[b"x" * CHUNK] * 3)))
    assert (reply.reply.code, reply.phase) == (552, Phase.CONTENT)
    assert len(stream.writes) == 2


async def test_a_connection_lost_before_the_last_chunk_leaves_no_doubt() -> None:
    client, _ = await chunking(AGREED)
    with pytest.raises(ConnectionLost) as lost:
        await client.send_mail(Mail(TO_BOB, pieces(b"x" * CHUNK, b"y")))
    assert (lost.value.content_begun, lost.value.after_content) == (True, False)


async def test_a_connection_lost_behind_the_last_chunk_leaves_doubt() -> None:
    client, _ = await chunking(AGREED)
    with pytest.raises(ConnectionLost) as lost:
        await client.send_mail(Mail(TO_BOB, pieces(b"x")))
    assert lost.value.after_content


async def test_a_stream_that_fails_is_never_ended() -> None:
    client, stream = await chunking(AGREED, b"250 chunk\r\n")
    with pytest.raises(OSError, match="disk"):
        await client.send_mail(Mail(TO_BOB, pieces(b"x" * CHUNK, b"y" * CHUNK, OSError("disk"))))
    assert b"LAST" not in stream.written
    assert stream.aborted


async def test_no_chunk_is_sent_if_all_were_refused_and_the_next_mail_begins_anew() -> None:
    client, stream = await chunking(
        b"250 sender\r\n550 5.1.1 who\r\n", b"250 reset\r\n" + AGREED, b"250 OK\r\n"
    )
    (reply,) = await client.send_mail(Mail(TO_BOB, LARGE))
    assert (reply.reply.code, reply.phase) == (550, Phase.RCPT)
    (reply,) = await client.send_mail(Mail(TO_BOB, LARGE))
    assert reply.reply.positive
    assert stream.writes[1].startswith(b"RSET\r\nMAIL FROM:<>")
