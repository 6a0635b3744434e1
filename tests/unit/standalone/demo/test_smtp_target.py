from __future__ import annotations

import asyncio

import pytest

from services.standalone.demo.smtp_session import AcceptedMail
from services.standalone.demo.smtp_target import SmtpTarget

GREETING_AND_EHLO = ["220 ", "250-", "250-", "250-", "250 "]


async def codes(target: SmtpTarget, *pieces: bytes) -> list[str]:
    """What the target says to these bytes and a QUIT: the first four characters of each line."""
    reader, writer = await asyncio.open_connection(target.host, target.port)
    for piece in (b"EHLO me\r\n", *pieces, b"QUIT\r\n"):
        writer.write(piece)
        await writer.drain()
    lines = (await reader.read()).decode().splitlines()
    writer.close()
    await writer.wait_closed()
    return [line[:4] for line in lines][len(GREETING_AND_EHLO) :]


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_mail_is_taken_however_its_bytes_are_cut(size: int) -> None:
    talk = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n..stuffed\r\n.\r\n"
    async with SmtpTarget() as target:
        said = await codes(target, *(talk[at : at + size] for at in range(0, len(talk), size)))
        assert said == ["250 ", "250 ", "354 ", "250 ", "221 "]
        assert target.accepted == [AcceptedMail("a@x", ("b@y",), b".stuffed\r\n")]


async def test_only_crlf_dot_crlf_ends_a_mail() -> None:
    content = b"a\n.\nb\r.\rc\r\n.\nd\r\n"
    async with SmtpTarget() as target:
        await codes(target, b"MAIL FROM:<>\r\nRCPT TO:<b@y>\r\nDATA\r\n" + content + b".\r\n")
        (mail,) = target.accepted
        assert mail.content == content.replace(b"\r\n.", b"\r\n")


async def test_recipients_are_refused_by_the_callback_and_mails_handed_to_the_other() -> None:
    taken: list[AcceptedMail] = []

    def refuse(recipient: str) -> str | None:
        return None if recipient == "b@y" else "550 5.1.1 Unknown"

    async with SmtpTarget(refuse_recipient=refuse, on_mail=taken.append) as target:
        said = await codes(target, b"MAIL FROM:<a@x>\r\nRCPT TO:<c@y>\r\nRCPT TO:<b@y>\r\nDATA\r\n\r\n.\r\n")
        assert said == ["250 ", "550 ", "250 ", "354 ", "250 ", "221 "]
        assert taken == [AcceptedMail("a@x", ("b@y",), b"\r\n")]
        assert not target.accepted


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (b"RCPT TO:<b@y>\r\n", ["503 "]),
        (b"DATA\r\n", ["503 "]),
        (b"MAIL nobody\r\n", ["501 "]),
        (b"MAIL FROM:<a@x>\r\nMAIL FROM:<a@x>\r\n", ["250 ", "503 "]),
        (b"MAIL FROM:<a@x>\r\nRSET\r\nRCPT TO:<b@y>\r\n", ["250 ", "250 ", "503 "]),
        (b"MAIL FROM:<a@x> SIZE=1001\r\n", ["552 "]),
        (b"WHAT\r\n", ["502 "]),
        (
            b"MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n" + b"x" * 1001 + b"\r\n.\r\n",
            ["250 ", "250 ", "354 ", "552 "],
        ),
    ],
)
async def test_what_is_out_of_order_or_too_large_is_refused(talk: bytes, expected: list[str]) -> None:
    async with SmtpTarget(size_limit=1000) as target:
        assert await codes(target, talk) == [*expected, "221 "]
        assert not target.accepted


async def test_a_client_that_never_ends_its_line_is_left() -> None:
    async with SmtpTarget() as target:
        reader, writer = await asyncio.open_connection(target.host, target.port)
        writer.write(b"x" * 10_000)
        assert (await reader.read()).startswith(b"220 ")
        writer.close()
