from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from shared.runtime.connection_limit import MAX_CONNECTIONS
from shared.runtime.health import Readiness, serve_health
from shared.runtime.metrics import Metrics

DEADLINE = 30.0


class Client:
    """Speaks raw HTTP with the server under test."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        answer = await self.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split(" ")[1]), body

    async def send(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
async def client(readiness: Readiness) -> AsyncIterator[Client]:
    metrics = Metrics(CollectorRegistry(), "1.2.3")
    async with serve_health("127.0.0.1", 0, metrics.registry, readiness, DEADLINE) as port:
        yield Client(port)


async def test_a_process_that_runs_is_alive(client: Client) -> None:
    assert await client.get("/livez") == (200, "ok\n")


async def test_a_process_is_ready_when_nothing_is_wrong(client: Client, readiness: Readiness) -> None:
    readiness.set_problem("store", None)
    status, body = await client.get("/readyz")
    assert status == 200
    assert json.loads(body) == {"ready": True, "checks": {"store": "ok"}, "remarks": {}}


async def test_a_process_that_is_not_ready_says_why_and_is_alive_nevertheless(
    client: Client, readiness: Readiness
) -> None:
    readiness.set_problem("store", None)
    readiness.set_problem("broker", "The broker blocks publishers: disk alarm.")
    status, body = await client.get("/readyz")
    assert status == 503
    assert json.loads(body) == {
        "ready": False,
        "checks": {"store": "ok", "broker": "The broker blocks publishers: disk alarm."},
        "remarks": {},
    }
    assert (await client.get("/livez"))[0] == 200


async def test_metrics_are_exposed(client: Client) -> None:
    status, body = await client.get("/metrics")
    assert status == 200
    assert 'mailferry_build_info{version="1.2.3"} 1.0' in body


async def test_a_query_behind_the_path_is_ignored(client: Client) -> None:
    assert (await client.get("/livez?verbose"))[0] == 200


async def test_head_is_answered_without_a_body(client: Client) -> None:
    assert await client.get("/livez", "HEAD") == (200, "")


async def test_another_path_is_not_found(client: Client) -> None:
    assert (await client.get("/"))[0] == 404
    assert (await client.get("/livez/"))[0] == 404


async def test_another_method_is_refused(client: Client) -> None:
    answer = await client.send(b"POST /livez HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET, HEAD\r\n" in answer


@pytest.mark.parametrize(
    "request_line", [b"", b"GET", b"GET /livez", b"GET /livez SMTP/1.0", b"GET /a b HTTP/1.1", b"\xff\0"]
)
async def test_what_is_no_request_is_refused(client: Client, request_line: bytes) -> None:
    assert (await client.send(request_line + b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_request_that_comes_byte_by_byte_is_answered(client: Client, readiness: Readiness) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client._port)
    for byte in b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n":
        writer.write(bytes([byte]))
        await writer.drain()
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_an_endless_request_is_cut_off(client: Client) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client._port)
    writer.write(b"GET /" + b"x" * 20_000)
    assert (await reader.read(13)) == b"HTTP/1.1 431 "
    writer.close()


async def test_a_client_that_hangs_up_early_does_no_harm(client: Client) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", client._port)
    writer.write(b"GET /livez")
    writer.close()
    await writer.wait_closed()
    assert (await client.get("/livez"))[0] == 200


async def test_a_client_that_says_nothing_is_disconnected(readiness: Readiness) -> None:
    async with serve_health("127.0.0.1", 0, CollectorRegistry(), readiness, deadline=0.01) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()


async def test_a_client_that_says_nothing_is_disconnected_before_one_that_has_begun(
    readiness: Readiness,
) -> None:
    async with serve_health("127.0.0.1", 0, CollectorRegistry(), readiness, DEADLINE, idle=0.01) as port:
        slow_reader, slow = await asyncio.open_connection("127.0.0.1", port)
        slow.write(b"GET /livez HTTP/1.1\r\n")
        idle_reader, idle = await asyncio.open_connection("127.0.0.1", port)
        assert await idle_reader.read() == b""
        slow.write(b"\r\n")
        assert (await slow_reader.read()).startswith(b"HTTP/1.1 200 ")
        slow.close()
        idle.close()


async def test_a_request_is_answered_though_very_many_connections_are_silent(
    readiness: Readiness,
) -> None:
    registry = CollectorRegistry()
    async with serve_health("127.0.0.1", 0, registry, readiness, DEADLINE, idle=DEADLINE) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        assert (await Client(port).get("/livez"))[0] == 200
        ended = [await reader.read() for reader, _ in held[: 100 - MAX_CONNECTIONS]]
        assert set(ended) == {b""}
        assert not held[-1][0].at_eof()
        for _, writer in held:
            writer.close()


async def test_after_the_end_the_port_is_closed(readiness: Readiness) -> None:
    async with serve_health("127.0.0.1", 0, CollectorRegistry(), readiness) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_an_address_that_is_taken_is_an_error(readiness: Readiness) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="address already in use"),
    ):
        await serve_health("127.0.0.1", taken.getsockname()[1], CollectorRegistry(), readiness).__aenter__()


def test_a_process_without_checks_is_ready() -> None:
    assert Readiness().problems() == {}


def test_a_check_is_called_each_time() -> None:
    answers = iter(["The broker blocks publishers.", None])
    readiness = Readiness()
    readiness.add_check("broker", lambda: next(answers))
    assert readiness.problems() == {"broker": "The broker blocks publishers."}
    assert readiness.problems() == {"broker": None}


def test_a_problem_holds_until_it_is_set_again() -> None:
    readiness = Readiness()
    readiness.set_problem("disk", "The disk of the blobs is full.")
    readiness.set_problem("store", None)
    assert readiness.problems() == {"disk": "The disk of the blobs is full.", "store": None}
    readiness.set_problem("disk", None)
    assert readiness.problems() == {"disk": None, "store": None}


def test_a_remark_is_shown_and_does_not_count_against_readiness() -> None:
    readiness = Readiness()
    readiness.add_remark("relay", lambda: "a target is out of reach")
    readiness.add_remark("router", lambda: None)
    assert readiness.remarks() == {"relay": "a target is out of reach"}
    assert readiness.problems() == {}
