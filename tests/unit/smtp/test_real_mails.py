"""Every real mail arrives at a server byte by byte as it is, line ends aside, by DATA and by BDAT."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shared.model.endpoint import Endpoint
from shared.smtp.client import SmtpClient, connect
from shared.smtp.envelope import Envelope, Mail
from tests.fakes.mails import corpus_mails
from tests.fakes.smtp_server import KEYWORDS, SmtpServer

TO_BOB = Envelope("", ("bob@corp.example",))


def with_crlf(mail: bytes) -> bytes:
    return b"\r\n".join(mail.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))


@pytest.mark.parametrize("chunk_from", [1, 2**40], ids=["BDAT", "DATA"])
@pytest.mark.parametrize("path", corpus_mails())
async def test_every_real_mail_arrives_as_it_is(path: Path, chunk_from: int) -> None:
    raw = await asyncio.to_thread(path.read_bytes)
    async with SmtpServer(keywords=(*KEYWORDS, "CHUNKING")) as server:
        client = await connect(Endpoint("127.0.0.1", server.port), helo_name="me.example")
        (reply,) = await SmtpClient(client.session, chunk_from).send_mail(Mail(TO_BOB, raw))
        await client.quit()
    assert reply.reply.positive
    (arrived,) = server.accepted
    chunked = any(command.startswith("BDAT") for command in server.commands)
    assert chunked is (chunk_from == 1 or b"\0" in raw)
    expected = with_crlf(raw)
    assert arrived.content == (expected if chunked or expected.endswith(b"\r\n") else expected + b"\r\n")
