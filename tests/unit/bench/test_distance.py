"""The bench's proxy loses nothing that arrives while its far side is still being connected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bench.distance import Late, _connect

GREETING = b"+OK ready\r\n"


class Written(asyncio.Transport):
    """A transport that remembers what was written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.data += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not come about")


async def test_what_is_due_before_there_is_another_end_waits_for_it_in_its_order() -> None:
    near, far, client = Late(0.0), Late(0.0), Written()
    near.connection_made(client)
    far.data_received(b"first ")
    far.data_received(b"second")
    await until(lambda: far._due == 2)
    far.join(near)
    assert client.data == b"first second"
    far.data_received(b" third")
    far.eof_received()
    await until(lambda: client.closed)
    assert client.data == b"first second third"


async def test_a_greeting_that_comes_before_the_connection_is_reported_reaches_the_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near, client = Late(0.0), Written()
    near.connection_made(client)

    async def connected(factory: Callable[[], Late], *_place: object) -> tuple[Written, Late]:
        far = factory()
        far.connection_made(Written())
        far.data_received(GREETING)
        await until(lambda: far._due == 1 or bool(client.data))
        return Written(), far

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", connected)
    await _connect(near, 110, 0.0)
    await until(lambda: bool(client.data))
    assert client.data == GREETING
