from __future__ import annotations

import pytest

from services.cli.shown_stream import ShownStream
from tests.fakes.scripted_stream import ScriptedStream

PLAIN = b"AUTH PLAIN AHVzZXIAZ2VoZWlt\r\n"


@pytest.fixture
def lines() -> list[str]:
    return []


def shown(lines: list[str], *reads: bytes) -> ShownStream:
    return ShownStream(ScriptedStream(*reads), lambda side, line: lines.append(f"{side} {line}"))


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
