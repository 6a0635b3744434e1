"""How often a broker that is away is asked again."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TypeVar

import pytest

from shared.adapters.rabbitmq.address import Address
from shared.adapters.rabbitmq.connection import Connection
from shared.adapters.rabbitmq.link import Link
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.ports.broker import BrokerUnavailable
from tests.fakes.clock import ManualClock
from tests.servers.ports import free_port

Kind = TypeVar("Kind", bound=Link)

SETTINGS = RabbitMqSettings(backoff_first=1, backoff_longest=10)


class Scripted(Link):
    """Sessions that end as the test says."""

    lasting: float = 0

    async def _session(self) -> None:
        await self._clock.sleep(self.lasting)
        raise BrokerUnavailable("over")


async def unused(_connection: Connection) -> None:
    raise AssertionError("there is no connection to prepare")


def link(kind: type[Kind], clock: ManualClock, port: int = 1) -> Kind:
    return kind(
        "test",
        Address(f"amqp://user:s3cret@127.0.0.1:{port}/", SETTINGS),
        SETTINGS,
        clock=clock,
        random=Random(1),
        prepare=unused,
        ended=lambda _: None,
    )


async def test_the_pause_grows_up_to_its_longest_and_is_never_the_same() -> None:
    clock = ManualClock()
    running = asyncio.ensure_future(link(Scripted, clock).run())
    pauses = []
    for _ in range(8):
        await clock.somebody_sleeps()
        pauses += clock.naps
        await clock.advance(clock.naps[0])
    running.cancel()

    for pause, longest in zip(pauses, [2, 4, 8, 10, 10, 10, 10, 10], strict=True):
        assert longest / 2 <= pause <= longest
    assert len(set(pauses)) == len(pauses)


async def test_after_a_session_that_lasted_the_pause_is_short_again() -> None:
    clock = ManualClock()
    sessions = link(Scripted, clock)
    running = asyncio.ensure_future(sessions.run())
    for _ in range(6):
        await clock.somebody_sleeps()
        await clock.advance(clock.naps[0])
    assert clock.naps[0] >= 5
    sessions.lasting = 11
    await clock.advance(clock.naps[0])
    assert clock.naps == [11]
    await clock.advance(11)

    assert clock.naps[0] <= 1
    running.cancel()


class Stumbling(Scripted):
    """The first session ends over something that nobody thought of."""

    sessions = 0

    async def _session(self) -> None:
        self.sessions += 1
        if self.sessions == 1:
            raise KeyError("frame")
        await super()._session()


async def test_a_mistake_of_ours_ends_a_session_and_not_the_link() -> None:
    clock = ManualClock()
    stumbling = link(Stumbling, clock)
    running = asyncio.ensure_future(stumbling.run())
    await clock.somebody_sleeps()
    assert "internal error KeyError" in str(stumbling.error)
    await clock.advance(clock.naps[0])
    assert stumbling.sessions == 2
    running.cancel()


async def test_why_there_is_no_connection_is_told_without_the_password() -> None:
    clock, port = ManualClock(), free_port()
    failing = link(Link, clock, port)
    running = asyncio.ensure_future(failing.run())
    await clock.somebody_sleeps()
    running.cancel()

    assert str(failing.error) == f"RabbitMQ at 127.0.0.1:{port} cannot be reached: Connection refused"
    assert failing.error.temporary
    assert not failing.up.is_set()


@pytest.mark.parametrize("scheme", ["amqp", "amqps"])
def test_an_address_never_shows_its_password(scheme: str) -> None:
    address = Address(f"{scheme}://user:s3cret@broker.example/vhost", SETTINGS)

    assert address.name == f"RabbitMQ at broker.example:{5671 if scheme == 'amqps' else 5672}"
    assert "s3cret" not in repr(vars(address)) + address.explain(OSError("no"))
