"""Waiting for a change by IDLE."""

from __future__ import annotations

import asyncio

import pytest

from shared.imap.commands import examine
from shared.imap.idling import LONGEST_SILENCE, MOST_OCTETS, Idling
from shared.model.source_errors import LimitExceeded, SourceRefused, SourceViolation
from shared.net.errors import ConnectionLost
from tests.unit.imap.sessions import ImapScript, logged_in

SELECTED = b"* 1 EXISTS\r\n$1 OK\r\n"
IDLES = b"+ idling\r\n"


async def idling(*reads: bytes) -> tuple[ImapScript, Idling]:
    stream, conversation = await logged_in(SELECTED, *reads)
    await conversation.execute(examine(b"INBOX"))
    return stream, Idling(conversation)


@pytest.mark.parametrize(
    "change",
    [
        b"* 2 EXISTS\r\n",
        b"* 1 EXPUNGE\r\n",
        b"* VANISHED 7\r\n",
        b"* STATUS Lists (MESSAGES 2 UIDNEXT 8 UIDVALIDITY 9)\r\n",
        b"* OK [NOTIFICATIONOVERFLOW] too much\r\n",
    ],
)
async def test_a_change_ends_the_wait_and_done_ends_idle(change: bytes) -> None:
    stream, idle = await idling(IDLES, b"* OK still here\r\n", change, b"$2 OK\r\n")
    await idle.wait_for_change()
    assert stream.said[-1] == "IDLE"
    await idle.end()
    assert stream.said[-1] == "DONE"
    assert stream.unread == 0


async def test_it_is_known_that_the_server_told_of_another_folder() -> None:
    _, idle = await idling(IDLES, b"* 2 EXISTS\r\n")
    await idle.wait_for_change()
    assert not idle.has_told_of_others
    _, idle = await idling(IDLES, b"* STATUS Lists (MESSAGES 2)\r\n")
    await idle.wait_for_change()
    assert idle.has_told_of_others


async def test_flags_and_remarks_are_no_change() -> None:
    stream, idle = await idling(
        IDLES, b"* 1 FETCH (FLAGS (\\Seen))\r\n* OK still here\r\n", b"* 2 EXISTS\r\n"
    )
    await idle.wait_for_change()
    assert stream.unread == 0


async def test_what_comes_before_the_server_agreed_is_a_change_and_done_waits_for_its_consent() -> None:
    stream, idle = await idling(b"* 2 EXISTS\r\n", IDLES, b"$2 OK\r\n")
    await idle.wait_for_change()
    await idle.end()
    assert stream.said[-2:] == ["IDLE", "DONE"]


@pytest.mark.parametrize(
    ("answer", "error"), [(b"$2 NO not here\r\n", SourceRefused), (b"$2 BAD what?\r\n", SourceViolation)]
)
async def test_a_refusal_is_told(answer: bytes, error: type[Exception]) -> None:
    _, idle = await idling(answer)
    with pytest.raises(error, match="IDLE on"):
        await idle.wait_for_change()


async def test_a_lost_connection_is_told() -> None:
    _, idle = await idling(IDLES)
    with pytest.raises(ConnectionLost):
        await idle.wait_for_change()


async def test_a_server_that_talks_without_end_is_left() -> None:
    remark = b"* OK " + b"x" * 1000 + b"\r\n"
    _, idle = await idling(IDLES, *[remark * 16] * (MOST_OCTETS // 16_000 + 2))
    with pytest.raises(LimitExceeded, match="without end"):
        await idle.wait_for_change()


async def test_silence_is_allowed_for_longer_than_elsewhere() -> None:
    stream, idle = await idling(IDLES, b"* 2 EXISTS\r\n")
    stream.inactivity_timeout = 7.0
    seen = []
    read = stream.read

    async def noting() -> bytes:
        seen.append(stream.inactivity_timeout)
        return await read()

    stream.read = noting  # type: ignore[method-assign] # looks at each wait
    await idle.wait_for_change()
    assert seen == [LONGEST_SILENCE] * 2
    assert stream.inactivity_timeout == 7.0


async def test_a_wait_that_is_cancelled_can_be_ended_in_order() -> None:
    stream, idle = await idling(IDLES)
    read, blocked = stream.read, asyncio.Event()

    async def blocking() -> bytes:
        if stream.unread:
            return await read()
        blocked.set()
        await asyncio.Event().wait()
        return b""

    stream.read = blocking  # type: ignore[method-assign] # never ends
    wait = asyncio.create_task(idle.wait_for_change())
    await blocked.wait()
    wait.cancel()
    await asyncio.wait([wait])
    stream.read = read  # type: ignore[method-assign] # as before
    stream.more(b"* 2 EXISTS\r\n$2 OK\r\n")
    assert await idle.end()
    assert stream.said[-1] == "DONE"


async def test_a_server_that_ends_idle_by_itself_is_not_waited_for_in_vain() -> None:
    _, idle = await idling(IDLES, b"$2 OK done\r\n")
    with pytest.raises(SourceViolation, match="agreed to IDLE before"):
        await idle.wait_for_change()
