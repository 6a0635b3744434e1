from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.runtime.service_manager import notify, service_manager_informed, watchdog_interval
from shared.runtime.stop import Stop


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


async def heard(manager: socket.socket) -> bytes:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(manager, 100), 40)


async def test_readiness_and_the_stop_are_reported_in_this_order(manager: socket.socket) -> None:
    stop = Stop()
    async with service_manager_informed(stop, {"NOTIFY_SOCKET": manager.getsockname()}):
        assert await heard(manager) == b"READY=1"
        stop.request("a test")
        assert await heard(manager) == b"STOPPING=1"


async def test_signs_of_life_are_sent_again_and_again(manager: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "3000"}
    async with service_manager_informed(Stop(), environ):
        assert [await heard(manager) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


async def test_without_systemd_nothing_is_sent() -> None:
    async with service_manager_informed(Stop(), {"WATCHDOG_USEC": "3000"}):
        assert len(asyncio.all_tasks()) == 1


def test_a_manager_in_the_abstract_namespace_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the system chooses an abstract name
        name = listening.getsockname()
        notify("@" + name[1:].decode(), "READY=1")
        listening.settimeout(40)
        assert listening.recv(100) == b"READY=1"


def test_a_manager_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    notify(str(tmp_path / "nobody"), "READY=1")


@pytest.mark.parametrize(
    ("written", "seconds"), [("30000000", 10.0), ("0", None), ("", None), ("-5", None), ("soon", None)]
)
def test_three_signs_of_life_are_sent_within_the_time_of_the_watchdog(
    written: str, seconds: float | None
) -> None:
    assert watchdog_interval({"WATCHDOG_USEC": written}) == seconds


def test_no_interval_is_known_where_systemd_names_none() -> None:
    assert watchdog_interval({}) is None
