from __future__ import annotations

import pytest

from shared.model.masking import Masker
from shared.operations.smtp_dialogue import ShowingStream
from tests.fakes.scripted_stream import ScriptedStream

PLAIN = b"AUTH PLAIN AHVzZXIAZ2VoZWlt\r\n"


@pytest.fixture
def lines() -> list[str]:
    return []


def shown(lines: list[str], *reads: bytes) -> ShowingStream:
    return ShowingStream(ScriptedStream(*reads), lambda side, line: lines.append(f"{side} {line}"))


async def test_the_dialogue_is_shown_line_by_line(lines: list[str]) -> None:
    stream = shown(lines, b"250-a\r\n250 b\r\n")
    stream.write(b"EHLO x\r\n")
    await stream.read()
    assert lines == ["C EHLO x", "S 250-a", "S 250 b"]


async def test_what_goes_with_auth_is_masked(lines: list[str]) -> None:
    stream = shown(lines, b"235 welcome\r\n")
    stream.write(PLAIN)
    await stream.read()
    stream.write(b"NOOP\r\n")
    assert lines == ["C AUTH PLAIN ****", "S 235 welcome", "C NOOP"]


async def test_answers_to_challenges_are_masked_until_the_exchange_is_over(lines: list[str]) -> None:
    stream = shown(lines, b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"535 no\r\n")
    stream.write(b"AUTH LOGIN\r\n")
    for secret in (b"dXNlcg==\r\n", b"Z2VoZWlt\r\n"):
        await stream.read()
        stream.write(secret)
    await stream.read()
    assert lines == [
        "C AUTH LOGIN ****", "S ****", "C ****", "S ****", "C ****", "S 535 no",
    ]  # fmt: skip


async def test_a_secret_is_masked_however_the_reply_arrives(lines: list[str]) -> None:
    reads = [bytes([octet]) for octet in b"535-5.7.8 wrong: gehe\r\n535 5.7.8 im is not it\r\n221 geheim\r\n"]
    stream = ShowingStream(
        ScriptedStream(*reads), lambda side, line: lines.append(f"{side} {line}"), Masker([b"geheim"])
    )
    for _ in reads:
        await stream.read()
    assert lines == ["S 535-5.7.8 ****", "S 535 5.7.8 ****", "S 221 ****"]


async def test_what_was_sent_in_a_login_is_masked_when_it_comes_back(lines: list[str]) -> None:
    stream = shown(lines, b"334 VXNlcm5hbWU6\r\n", b"535 ZGlnZXN0IG9mIGl0 is wrong, as digest of it\r\n")
    stream.write(b"AUTH CRAM-MD5\r\n")
    await stream.read()
    stream.write(b"ZGlnZXN0IG9mIGl0\r\n")
    await stream.read()
    assert lines[-1] == "S 535 **** is wrong, as ****"


async def test_a_reply_without_an_end_is_shown_when_the_connection_ends(lines: list[str]) -> None:
    stream = shown(lines, b"250-half\r\n250-a li")
    await stream.read()
    assert lines == []
    stream.abort()
    assert lines == ["S 250-half", "S 250-a li"]
