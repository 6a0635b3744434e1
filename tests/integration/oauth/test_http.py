"""Requests to token servers over connections that are kept, whatever the server does to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from shared.oauth.requests import Request
from shared.runtime.oauth.http import HttpClient, Unreachable
from shared.runtime.oauth.http_session import LARGEST_ANSWER
from tests.servers.https_server import http_answer
from tests.servers.ports import LOOPBACK

Step = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = http_answer("200 OK", b'{"ok": 1}')


class Server:
    """Gives each connection the next answers. `connections` holds the requests of each."""

    def __init__(self, answers: list[list[bytes]]) -> None:
        self._answers = answers
        self.connections: list[list[bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests: list[bytes] = []
        self.connections.append(requests)
        for answer in self._answers[len(self.connections) - 1]:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0")
            requests.append(head + await reader.readexactly(length))
            writer.write(answer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def served(*answers: list[bytes]) -> AsyncIterator[tuple[Server, str]]:
    server = Server([*answers])
    listening = await asyncio.start_server(server.serve, LOOPBACK, 0)
    async with listening:
        yield server, f"http://{LOOPBACK}:{listening.sockets[0].getsockname()[1]}/token?x=1"


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient(timeout=40.0)
    yield client
    await client.close()


def asking(url: str) -> Request:
    return Request(url, {"Content-Type": "text/plain", "Accept": "application/json"}, "a=b")


async def test_a_connection_is_kept_for_the_next_request(client: HttpClient) -> None:
    async with served([OK, OK, OK]) as (server, url):
        answers = [await client.post(asking(url)) for _ in range(2)]
        assert [(each.status, each.body) for each in answers] == [(200, b'{"ok": 1}')] * 2
        assert await client.document(url) == {"ok": 1}
        [(first, _, last)] = server.connections
    assert first.startswith(b"POST /token?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert first.endswith(b"\r\n\r\na=b")
    assert last.startswith(b"GET /token?x=1 HTTP/1.1\r\n")


async def test_a_connection_that_the_server_closed_is_not_used_again(client: HttpClient) -> None:
    async with served([OK], [OK]) as (server, url):
        await client.post(asking(url))
        assert (await client.post(asking(url))).status == 200
        assert len(server.connections) == 2


@pytest.mark.parametrize(
    "said", [b"HTTP/1.0 200 OK\r\n\r\n{}", http_answer("200 OK", b"{}", "Connection: close")]
)
async def test_a_server_that_keeps_no_connection_gets_a_new_one(client: HttpClient, said: bytes) -> None:
    async with served([said], [said]) as (server, url):
        assert [(await client.post(asking(url))).body for _ in range(2)] == [b"{}", b"{}"]
        assert len(server.connections) == 2


async def test_an_answer_in_chunks_behind_an_interim_one_is_read(client: HttpClient) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    async with served(
        [http_answer("103 Early Hints").replace(b"Content-Length: 0\r\n", b"") + chunks, OK]
    ) as (_, url):
        assert (await client.post(asking(url))).body == b"{}"
        assert (await client.post(asking(url))).status == 200


async def test_an_answer_without_end_is_cut_and_its_connection_not_used_again(client: HttpClient) -> None:
    async with served([b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LARGEST_ANSWER + 9)], [OK]) as (server, url):
        assert len((await client.post(asking(url))).body) == LARGEST_ANSWER
        await client.post(asking(url))
        assert len(server.connections) == 2


async def test_a_redirect_is_an_answer_and_not_followed(client: HttpClient) -> None:
    async with served([http_answer("302 Found", b"", "Location: https://elsewhere.example/")]) as (_, url):
        assert (await client.post(asking(url))).status == 302


@pytest.mark.parametrize(("header", "after"), [("17", 17.0), ("-1", None), ("soon", None), ("inf", None)])
async def test_the_server_may_say_when_to_come_back(
    client: HttpClient, header: str, after: float | None
) -> None:
    async with served([http_answer("429 Too Many Requests", b"", f"Retry-After: {header}")]) as (_, url):
        assert (await client.post(asking(url))).retry_after == after


@pytest.mark.parametrize(
    "said", [b"220 mail.example ESMTP\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]
)
async def test_what_is_no_answer_is_unreachable(client: HttpClient, said: bytes) -> None:
    async with served([said]) as (_, url):
        with pytest.raises(Unreachable, match=r"as a web server should|was lost"):
            await client.post(asking(url))


async def test_an_error_that_repeats_a_secret_is_not_told_with_it(client: HttpClient) -> None:
    said = b'{"error": "invalid_grant", "error_description": "1\\/\\/canary-token and canary-secret"}'
    request = Request("", {}, "refresh_token=1%2F%2Fcanary-token&client_secret=canary-secret&client_id=app")
    async with served([http_answer("400 Bad Request", said)]) as (_, url):
        body = (await client.post(replace(request, url=url))).body
    assert b"canary" not in body
    assert b"invalid_grant" in body


async def test_a_refresh_token_that_goes_on_is_kept_as_it_came(client: HttpClient) -> None:
    said = b'{"access_token": "new", "refresh_token": "canary-token"}'
    async with served([http_answer("200 OK", said)]) as (_, url):
        assert (await client.post(Request(url, {}, "refresh_token=canary-token"))).body == said


async def test_a_secret_is_not_sent_in_clear_to_another_machine(client: HttpClient) -> None:
    with pytest.raises(Unreachable, match="no https address"):
        await client.post(asking("http://id.example/token"))


async def test_a_proxy_of_the_environment_is_asked_for_a_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served([http_answer("407 Proxy Authentication Required")]) as (proxy, url):
        monkeypatch.setenv("HTTPS_PROXY", url.replace("http://", "http://bob:canary@"))
        monkeypatch.setenv("NO_PROXY", "localhost")
        client = HttpClient(timeout=40.0)
        with pytest.raises(Unreachable, match=r"the proxy 127\.0\.0\.1 answered 407"):
            await client.post(asking("https://id.example/token"))
        [[request]] = proxy.connections
    assert request.startswith(b"CONNECT id.example:443 HTTP/1.1\r\nHost: id.example:443\r\n")
    assert b"Proxy-Authorization: Basic Ym9iOmNhbmFyeQ==\r\n" in request
    with pytest.raises(Unreachable, match="localhost"):
        await client.post(asking("https://localhost:1/token"))
