"""Places for connections that all processes of a machine share."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid

from shared.net.berths import Berth, Berths

TAKE_ONE = """
import asyncio, sys
from shared.net.berths import Berths
berth = asyncio.run(Berths(sys.argv[1], 1).take(0))
print("taken" if berth else "full", flush=True)
sys.stdin.read()
"""


def a_name() -> str:
    return uuid.uuid4().hex


async def taken(berths: Berths, seconds: float = 0) -> Berth:
    berth = await berths.take(seconds)
    assert berth is not None
    return berth


async def test_there_are_so_many_and_no_more() -> None:
    berths = Berths(a_name(), 2)
    first, second = await taken(berths), await taken(berths)
    assert await berths.take(0) is None
    first.release()
    third = await taken(berths)
    assert await berths.take(0) is None
    second.release()
    third.release()


async def test_who_waits_gets_the_one_that_becomes_free() -> None:
    berths = Berths(a_name(), 1)
    held = await taken(berths)
    waiting = asyncio.create_task(taken(berths, 30))
    await asyncio.sleep(0)
    held.release()
    (await waiting).release()


async def test_another_name_has_its_own() -> None:
    mine, yours = await taken(Berths(a_name(), 1)), await taken(Berths(a_name(), 1))
    mine.release()
    yours.release()


async def test_another_process_shares_them_and_gives_them_back_when_it_is_killed() -> None:
    name = a_name()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TAKE_ONE, name, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"taken\n"
    assert await Berths(name, 1).take(0) is None
    child.kill()
    await child.communicate()
    (await taken(Berths(name, 1))).release()
